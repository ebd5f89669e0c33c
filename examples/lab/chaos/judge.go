//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// verdict is the judge's result.
type verdict struct {
	jobs, lines   int // acknowledged jobs, lines in the lake
	lost, doubled int
	findings      []string
}

func (v *verdict) found(format string, args ...any) {
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// lake is the lake in a data folder: how often each resource is there, by payload name and
// number, and from which jobs.
type lake struct {
	times map[string]map[int]int
	jobs  map[string]map[string]bool // by the payload's name
}

// readLake reads all files of the lake. Only resources that were sent are
// expected; anything else is an error.
func readLake(data string) (*lake, error) {
	l := &lake{times: map[string]map[int]int{}, jobs: map[string]map[string]bool{}}
	root := filepath.Join(backends.ObjectsFolder(data), "processed", "demo")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".ndjson") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		job := filepath.Base(filepath.Dir(path))
		for line := range bytes.Lines(raw) {
			name, i, ok := nameIn(line)
			if !ok || line[len(line)-1] != '\n' || !json.Valid(line) {
				return fmt.Errorf("%s has a line that was never sent", path)
			}
			if l.times[name] == nil {
				l.times[name], l.jobs[name] = map[int]int{}, map[string]bool{}
			}
			l.times[name][i]++
			l.jobs[name][job] = true
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return l, err
}

// judge compares the acknowledged payloads with the lake, after all jobs are finished.
func judge(data string, entries map[string]*entry, job func(id string) (*frontdoor.Job, error)) *verdict {
	v := &verdict{}
	l, err := readLake(data)
	if err != nil {
		v.found("the lake: %v", err)
		return v
	}
	for name := range l.times {
		if entries[name] == nil {
			v.found("the lake has resources of %s, which was never sent", name)
		}
	}
	for name, e := range entries {
		times := l.times[name]
		for i, n := range times {
			v.lines += n
			if n > 1 || i >= e.good {
				v.doubled++
				v.found("resource %s-%d is in the lake %d times, in the jobs %v", name, i, n, l.jobs[name])
			}
		}
		if n := len(times); n != 0 && n != e.good {
			v.lost++
			v.found("%d of the %d resources of %s are in the lake", n, e.good, name)
		}
		if e.acknowledged {
			v.jobs++
			v.promised(data, name, e, l, job)
			continue
		}
		if e.key != "" && len(times) == 0 {
			// The response was lost. If the object was stored, it must be processed.
			if _, err := os.Stat(filepath.Join(backends.ObjectsFolder(data), filepath.FromSlash(e.key))); err == nil {
				v.lost++
				v.found("the upload %s is in the store but not in the lake", name)
			}
		}
	}
	return v
}

// promised judges an acknowledged payload.
func (v *verdict) promised(data, name string, e *entry, l *lake, job func(string) (*frontdoor.Job, error)) {
	j, err := job(e.job)
	if err != nil {
		v.lost++
		v.found("job %s of %s: %v", e.job, name, err)
		return
	}
	var counted int64
	for _, n := range j.ResourceCount {
		counted += n
	}
	good, bad := int64(e.good), int64(e.bad)
	switch {
	case j.Status != "completed":
		v.lost++
		v.found("job %s of %s is %s: %s", e.job, name, j.Status, j.Error)
	case j.Progress.Done != good || j.Progress.Rejected != bad || counted != good:
		v.lost++
		v.found("job %s of %s reports %d done, %d rejected, %d counted, but %d and %d were sent",
			e.job, name, j.Progress.Done, j.Progress.Rejected, counted, good, bad)
	case len(l.times[name]) == 0:
		v.lost++
		v.found("job %s of %s is completed, but nothing of it is in the lake", e.job, name)
	case !l.jobs[name][e.job]:
		v.lost++
		v.found("%s was acknowledged as job %s, but is in the lake as another", name, e.job)
	case outcomes(data, e.job) != e.bad:
		v.lost++
		v.found("job %s of %s has %d outcomes, but %d bad lines were sent", e.job, name, outcomes(data, e.job), e.bad)
	}
}

// outcomes returns the number of lines of a job's outcomes file, 0 if there is none.
func outcomes(data, job string) int {
	raw, err := os.ReadFile(filepath.Join(backends.ObjectsFolder(data), "outcomes", "demo", job+".ndjson"))
	if err != nil {
		return 0
	}
	return bytes.Count(raw, []byte("\n"))
}
