package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// totals of all results.
type totals struct {
	payloads, bytes, resources, rejected int64
	first, last                          time.Time // first job created, last job finished
	outputs                              []frontdoor.Output
	failed                               []string // names of payloads
}

func sum(results []*result) *totals {
	t := &totals{payloads: int64(len(results))}
	for _, r := range results {
		if status, _ := r.outcome(); status == failed {
			t.failed = append(t.failed, r.Name)
		}
		if r.job == nil {
			continue
		}
		t.bytes += r.Size
		t.resources += r.job.Progress.Done
		t.rejected += r.job.Progress.Rejected
		t.outputs = append(t.outputs, r.job.Outputs...)
		if t.first.IsZero() || r.job.CreatedAt.Before(t.first) {
			t.first = r.job.CreatedAt
		}
		if r.job.FinishedAt.After(t.last) {
			t.last = r.job.FinishedAt
		}
	}
	return t
}

// write writes the totals, and which payloads failed: in a long table they are easily
// overlooked.
func (t *totals) write(out io.Writer) {
	fmt.Fprintf(out, "\n%s, %s, %s, %s rejected", number(t.payloads, "payload"),
		humanize.Bytes(uint64(t.bytes)), number(t.resources, "resource"), humanize.Comma(t.rejected))
	if d := t.last.Sub(t.first); d > 0 {
		fmt.Fprintf(out, "\nin %s: %s, %s resources/s", d.Round(10*time.Millisecond), rate(t.bytes, d),
			humanize.Comma(int64(float64(t.resources)/d.Seconds())))
	}
	fmt.Fprintln(out)
	if n := len(t.failed); n > 0 {
		fmt.Fprintf(out, "\n%s FAILED (for internal errors see %s):\n  %s\n", number(int64(n), "payload"), logName, strings.Join(t.failed, "\n  "))
	}
}

// writeFiles writes where the output is, with a command to look at it, and where the log
// is.
func (t *totals) writeFiles(out io.Writer, folder string) {
	objects := backends.ObjectsFolder(folder)
	if len(t.outputs) > 0 {
		largest := slices.MaxFunc(t.outputs, func(a, b frontdoor.Output) int { return cmp.Compare(a.Count, b.Count) })
		path := filepath.Join(objects, filepath.FromSlash(largest.Key))
		fmt.Fprintf(out, "\nThe output has an NDJSON file for each job and resource type, below\n  %s\nTry:\n  head -n 1 %s\n",
			filepath.Dir(filepath.Dir(path)), quoted(path))
	}
	if t.rejected > 0 {
		fmt.Fprintf(out, "\nRejected resources are listed with line and reason below\n  %s\n", filepath.Join(objects, "outcomes"))
	}
	fmt.Fprintf(out, "\nThe folder is kept: remove it when you are done. The log is\n  %s\n", filepath.Join(folder, logName))
}

// quoted makes a path safe to paste into a shell.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
