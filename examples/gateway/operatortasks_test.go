package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/jobs"
)

// maintained runs a task while a gateway is running, and returns its output.
func maintained(t *testing.T, data string, args ...string) (lines []map[string]any) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append(args, "-data", data, "-log-level", "warn"), noEnv, &out, &errs)
	require.Zero(t, code, errs.String())
	for d := json.NewDecoder(&out); d.More(); {
		var line map[string]any
		require.NoError(t, d.Decode(&line))
		lines = append(lines, line)
	}
	return lines
}

// objects returns the files of an organization's objects.
func objects(t *testing.T, data, org string) (found []string) {
	t.Helper()
	root := backends.ObjectsFolder(data)
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(path, "/"+org+"/") {
			found = append(found, path)
		}
		return nil // it may be removed meanwhile
	}))
	return found
}

func TestEraseWhileAGatewayRuns(t *testing.T) {
	data := t.TempDir()
	_, c := gateway(t, data, "-token", "dev=demo", "-token", "other=other")
	first, err := c.PostBundle(t.Context(), bundle("1"), -1)
	require.NoError(t, err)
	second, err := c.PostBundle(t.Context(), bundle("2"), -1)
	require.NoError(t, err)
	other := *c
	other.Token = "other"
	kept, err := other.PostBundle(t.Context(), bundle("3"), -1)
	require.NoError(t, err)
	follow(t, c, first.JobID)
	follow(t, c, second.JobID)
	follow(t, &other, kept.JobID)
	ticket, err := c.UploadURL(t.Context(), "application/fhir+json", 0)
	require.NoError(t, err)

	one := maintained(t, data, "erase", "-organization", "demo", "-job", first.JobID)
	require.EqualValues(t, 1, one[0]["jobs"])
	_, err = c.Job(t.Context(), first.JobID)
	require.Error(t, err)

	before := objects(t, data, "demo")
	require.NotEmpty(t, before)
	dry := maintained(t, data, "erase", "-organization", "demo", "-dry-run")
	require.Equal(t, before, objects(t, data, "demo"))
	all := maintained(t, data, "erase", "-organization", "demo")
	require.EqualValues(t, 2, all[0]["jobs"])
	require.EqualValues(t, 1, all[0]["openTickets"])
	require.Equal(t, true, all[0]["complete"])
	require.Equal(t, dry[0]["objects"], all[0]["objects"])
	require.Equal(t, dry[0]["outputs"], all[0]["outputs"])
	require.NotEmpty(t, all[0]["unreached"])
	require.Empty(t, objects(t, data, "demo"))
	// The URL still accepts a PUT, and the object is removed.
	require.NoError(t, c.Upload(t.Context(), ticket, bundle("4"), int64(len(tiny)-1)))
	require.Eventually(t, func() bool { return len(objects(t, data, "demo")) == 0 }, 10*time.Second, 10*time.Millisecond)
	require.NotEmpty(t, objects(t, data, "other"))
	_, err = other.Job(t.Context(), kept.JobID)
	require.NoError(t, err)
}

func TestOrphansWhileAGatewayRuns(t *testing.T) {
	data := t.TempDir()
	_, c := gateway(t, data)
	known, err := c.PostBundle(t.Context(), bundle("1"), -1)
	require.NoError(t, err)
	follow(t, c, known.JobID)
	there := objects(t, data, "demo")
	folder := filepath.Join(backends.ObjectsFolder(data), "incoming", "fhir", "demo", "2001", "02", "03")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	lost := filepath.Join(folder, jobs.NewID()+".json")
	require.NoError(t, os.WriteFile(lost, []byte("{}"), 0o600))
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(lost, old, old))

	found := maintained(t, data, "orphans")
	require.Len(t, found, 2)
	require.Equal(t, "demo", found[0]["organizationId"])
	require.EqualValues(t, 1, found[1]["orphans"])
	require.FileExists(t, lost)
	removed := maintained(t, data, "orphans", "-remove")
	require.EqualValues(t, 1, removed[1]["removed"])
	require.NoFileExists(t, lost)
	require.Subset(t, objects(t, data, "demo"), there[:1])
}

func TestTaskFlagErrors(t *testing.T) {
	for want, args := range map[string][]string{
		"-organization is required": {"erase"},
		"use only flags":            {"erase", "-organization", "a", "now"},
		"at least 1m0s":             {"orphans", "-min-age", "1s"},
		"keeps nothing":             {"orphans", "-jobs", "mem:"},
		"erase, jobs cancel, jobs count, jobs list, jobs redrive, orphans": {"remove"},
		"or one of":             {"jobs"},
		"can't be chosen here":  {"jobs", "redrive", "-state", "accepted"},
		"select jobs or use":    {"jobs", "cancel"},
		"-limit is not allowed": {"jobs", "count", "-limit", "3"},
		"must not be negative":  {"jobs", "list", "-older-than", "-1s"},
	} {
		var out, errs bytes.Buffer
		require.NotZero(t, run(t.Context(), append(args, "-data", filepath.Join(t.TempDir(), "d")), noEnv, &out, &errs), args)
		require.Contains(t, errs.String(), want)
	}
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"erase", "-help"}, noEnv, &out, &out))
	require.Contains(t, out.String(), "-dry-run")
}
