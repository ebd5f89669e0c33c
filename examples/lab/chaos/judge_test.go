//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// planted is a data folder with one payload of three resources and a bad line. Everything
// is correct until a test changes it.
type planted struct {
	data  string
	entry entry
	job   frontdoor.Job
	err   error
}

func (p *planted) file(t *testing.T, key, text string) {
	t.Helper()
	path := filepath.Join(backends.ObjectsFolder(p.data), filepath.FromSlash(key))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func (p *planted) lines(t *testing.T, job string, numbers ...int) {
	t.Helper()
	var b strings.Builder
	for _, n := range numbers {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"a-%d"}`+"\n", n)
	}
	p.file(t, "processed/demo/"+job+"/Patient.ndjson", b.String())
}

func (p *planted) judge() *verdict {
	return judge(p.data, map[string]*entry{"a": &p.entry}, func(string) (*frontdoor.Job, error) { return &p.job, p.err })
}

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		plant         func(t *testing.T, p *planted)
		lost, doubled int
		want          string
	}{
		"nothing": {plant: func(*testing.T, *planted) {}},
		"a line is missing": {plant: func(t *testing.T, p *planted) { p.lines(t, "j", 0, 2) }, lost: 1,
			want: "2 of the 3 resources of a are in the lake"},
		"all lines are missing":    {plant: func(t *testing.T, p *planted) { p.lines(t, "j") }, lost: 1, want: "nothing of it is in the lake"},
		"a line is there twice":    {plant: func(t *testing.T, p *planted) { p.lines(t, "j", 0, 1, 2, 1) }, doubled: 1, want: "2 times"},
		"it is there as two jobs":  {plant: func(t *testing.T, p *planted) { p.lines(t, "k", 0, 1, 2) }, doubled: 3, want: "2 times"},
		"a line that was not sent": {plant: func(t *testing.T, p *planted) { p.lines(t, "j", 0, 1, 2, 3) }, lost: 1, doubled: 1, want: "a-3"},
		"a payload that was not sent": {plant: func(t *testing.T, p *planted) {
			p.file(t, "processed/demo/x/Patient.ndjson", `{"id":"b-0"}`+"\n")
		}, want: "never sent"},
		"half a line": {plant: func(t *testing.T, p *planted) {
			p.file(t, "processed/demo/x/Patient.ndjson", `{"id":"a-0"`)
		}, want: "never sent"},
		"the job is gone":      {plant: func(_ *testing.T, p *planted) { p.err = fmt.Errorf("404") }, lost: 1, want: "404"},
		"the job failed":       {plant: func(_ *testing.T, p *planted) { p.job.Status = "failed" }, lost: 1, want: "is failed"},
		"the job does not end": {plant: func(_ *testing.T, p *planted) { p.job.Status = "processing" }, lost: 1, want: "is processing"},
		"counts are wrong":     {plant: func(_ *testing.T, p *planted) { p.job.Progress.Done = 2 }, lost: 1, want: "2 done"},
		"types are wrong":      {plant: func(_ *testing.T, p *planted) { p.job.ResourceCount["Patient"] = 4 }, lost: 1, want: "4 counted"},
		"no outcomes":          {plant: func(t *testing.T, p *planted) { p.file(t, "outcomes/demo/j.ndjson", "") }, lost: 1, want: "0 outcomes"},
		"another job has it":   {plant: func(_ *testing.T, p *planted) { p.entry.job = "k" }, lost: 1, want: "as another"},
		"not acknowledged, and not there": {plant: func(t *testing.T, p *planted) {
			p.entry.acknowledged = false
			p.lines(t, "j")
		}},
		"not acknowledged, and half there": {plant: func(t *testing.T, p *planted) {
			p.entry.acknowledged = false
			p.lines(t, "j", 0)
		}, lost: 1, want: "1 of the 3"},
		"in the store, and not in the lake": {plant: func(t *testing.T, p *planted) {
			p.entry.acknowledged, p.entry.key = false, "incoming/a.ndjson"
			p.lines(t, "j")
			p.file(t, "incoming/a.ndjson", "x")
		}, lost: 1, want: "in the store"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &planted{data: t.TempDir(), entry: entry{good: 3, bad: 1, job: "j", acknowledged: true}}
			p.job = frontdoor.Job{Status: "completed", ResourceCount: map[string]int64{"Patient": 3}}
			p.job.Progress.Done, p.job.Progress.Rejected = 3, 1
			p.lines(t, "j", 0, 1, 2)
			p.file(t, "outcomes/demo/j.ndjson", "{}\n")
			test.plant(t, p)
			v := p.judge()
			require.Equal(t, test.lost, v.lost)
			require.Equal(t, test.doubled, v.doubled)
			if test.want == "" {
				require.Empty(t, v.findings)
			} else {
				require.Contains(t, strings.Join(v.findings, "\n"), test.want)
			}
		})
	}
}
