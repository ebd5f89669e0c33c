package operatorcli

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// Task is a command of one or two words. It takes all of the gateway's flags to find its
// data.
type Task struct {
	about string
	// flags adds the task's own flags. The returned functions check them and run the task.
	flags func(s *envflag.Set) (check func() error, do work)
}

type work func(ctx context.Context, svc *ingest.Service, lake *sink.Lake, out *json.Encoder) error

var tasks = map[string]Task{
	"erase": {
		about: `gateway erase -organization ORG [-job ID] [-dry-run] [flags of the gateway]

Erases an organization, or one of its jobs: records, payloads with all of their versions,
outcomes, parts and output. This can't be undone: revoke the organization's credentials and
try -dry-run first. Prints what it did as JSON. Give it the gateway's flags or variables;
the gateway may be running.
`,
		flags: eraseFlags,
	},
	"orphans": {
		about: `gateway orphans [-organization ORG] [-min-age TIME] [-remove] [flags of the gateway]

Lists payloads without a job, one JSON object a line, and then their number. If the job
store was restored from an older backup, these payloads were acknowledged: don't remove
them. Give it the gateway's flags or variables; the gateway may be running.
`,
		flags: orphansFlags,
	},
	"jobs list": {
		about: `gateway jobs list [-organization ORG] [-state STATE] [-code CODE] [flags of the gateway]

Lists jobs of all organizations, one JSON object a line: each organization's newest first.
Give it the gateway's flags or variables; the gateway may be running.
`,
		flags: listFlags,
	},
	"jobs count": {
		about: `gateway jobs count [-organization ORG] [-state STATE] [-code CODE] [flags of the gateway]

Counts jobs of all organizations by their state, as JSON. It reads each job. Give it the
gateway's flags or variables; the gateway may be running.
`,
		flags: countFlags,
	},
	"jobs redrive": {
		about: `gateway jobs redrive [-organization ORG] [-code CODE] [-dry-run] [flags of the gateway]

Accepts failed jobs of all organizations once more, or completed ones with -state completed.
Prints how many as JSON. Give it the gateway's flags or variables; a running gateway works
on the jobs, after -poll-every at the latest.
`,
		flags: redriveFlags,
	},
	"jobs cancel": {
		about: `gateway jobs cancel [-organization ORG] [-state STATE] [-code CODE] [-dry-run] [flags of the gateway]

Cancels jobs that are not finished, or failed ones with -state failed. This can't be undone:
try -dry-run first. Prints how many as JSON. Give it the gateway's flags or variables; the
gateway may be running, and its workers stop with these jobs.
`,
		flags: cancelFlags,
	},
}

// TaskOf returns the task that the arguments begin with, and the arguments after its name.
func TaskOf(args []string) (t Task, rest []string, ok bool) {
	for n := 1; n <= min(2, len(args)); n++ {
		if t, ok = tasks[strings.Join(args[:n], " ")]; ok {
			return t, args[n:], true
		}
	}
	return Task{}, nil, false
}

// Names returns the names of the tasks, sorted.
func Names() []string { return slices.Sorted(maps.Keys(tasks)) }
