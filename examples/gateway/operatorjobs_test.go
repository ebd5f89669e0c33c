//go:build unix

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

// filledStore fills the SQLite job store in a folder with jobs of three organizations.
func filledStore(t *testing.T, data string) {
	t.Helper()
	store := openJobs(t, data)
	now := time.Now()
	for n := range 6 {
		for _, state := range jobs.States() {
			at := now.Add(-time.Duration(n) * time.Hour)
			job := &jobs.Job{ID: jobs.NewID(), OrganizationID: fmt.Sprintf("org-%d", n%3), Source: jobs.Webhook, State: state, MaxAttempts: 3, CreatedAt: at, UpdatedAt: at}
			if state.Finished() {
				job.StartedAt, job.FinishedAt = at, at
			}
			if state == jobs.Failed {
				job.Failure = &jobs.Failure{Code: map[bool]string{true: "target", false: "other"}[n < 3], Message: "It failed", At: at}
			}
			require.NoError(t, store.Create(t.Context(), job))
		}
	}
}

func counted(t *testing.T, data string, args ...string) map[string]any {
	t.Helper()
	lines := maintained(t, data, append([]string{"jobs", "count"}, args...)...)
	require.Len(t, lines, 1)
	return lines[0]
}

func TestJobsOfAllOrganizations(t *testing.T) {
	data := t.TempDir()
	filledStore(t, data)
	require.Len(t, maintained(t, data, "jobs", "list"), 42)
	require.Len(t, maintained(t, data, "jobs", "list", "-limit", "5"), 5)
	failed := maintained(t, data, "jobs", "list", "-state", "failed", "-organization", "org-1")
	require.Len(t, failed, 2)
	require.Equal(t, "org-1", failed[0]["organization"])
	require.Equal(t, "target", failed[0]["code"])
	require.Equal(t, "other", failed[1]["code"])
	require.Equal(t, "It failed", failed[1]["message"])
	require.NotContains(t, maintained(t, data, "jobs", "list", "-state", "accepted")[0], "finishedAt")
	require.Equal(t, map[string]any{"accepted": 6., "awaiting_upload": 6., "cancelled": 6., "completed": 6., "expired": 6., "failed": 6., "processing": 6.}, counted(t, data))
	require.Equal(t, map[string]any{"failed": 2.}, counted(t, data, "-state", "failed", "-older-than", "90m", "-newer-than", "210m"))

	report := func(args ...string) map[string]any {
		lines := maintained(t, data, append([]string{"jobs"}, args...)...)
		require.Len(t, lines, 1)
		return lines[0]
	}
	require.Equal(t, map[string]any{"dryRun": true, "complete": true, "jobs": 3., "skipped": 0.}, report("redrive", "-code", "target", "-dry-run"))
	require.Equal(t, 6., counted(t, data)["failed"])
	require.Equal(t, map[string]any{"dryRun": false, "complete": false, "jobs": 2., "skipped": 0.}, report("redrive", "-code", "target", "-limit", "2"))
	require.Equal(t, map[string]any{"dryRun": false, "complete": true, "jobs": 1., "skipped": 0.}, report("redrive", "-code", "target"))
	require.Equal(t, map[string]any{"accepted": 9., "failed": 3.}, map[string]any{"accepted": counted(t, data)["accepted"], "failed": counted(t, data)["failed"]})

	require.EqualValues(t, 21, report("cancel", "-dry-run")["jobs"])
	require.EqualValues(t, 3, report("cancel", "-organization", "org-0", "-state", "accepted")["jobs"])
	require.EqualValues(t, 1, report("cancel", "-state", "failed", "-older-than", "4h30m")["jobs"])
	require.EqualValues(t, 18, report("cancel", "-all")["jobs"])
	require.Equal(t, map[string]any{"cancelled": 28., "completed": 6., "expired": 6., "failed": 2.}, counted(t, data))
}

// A running gateway processes jobs that another process has redriven.
func TestRedriveWhileAGatewayRuns(t *testing.T) {
	data := t.TempDir()
	_, c := gateway(t, data, "-poll-every", "100ms")
	receipt, err := c.PostBundle(t.Context(), bundle("1"), -1)
	require.NoError(t, err)
	follow(t, c, receipt.JobID)
	again := maintained(t, data, "jobs", "redrive", "-state", "completed")
	require.EqualValues(t, 1, again[0]["jobs"])
	follow(t, c, receipt.JobID)
	require.Eventually(t, func() bool {
		lines := maintained(t, data, "jobs", "list")
		return len(lines) == 1 && lines[0]["state"] == "completed" && lines[0]["createdAt"] != lines[0]["updatedAt"]
	}, 10*time.Second, 50*time.Millisecond)
}
