package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is one that reads when it is told to, and takes the time itself. A
// request is a line of JSON, and so is its answer.
type process struct {
	version string // of what reads there
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	err     error // of the first request that failed: the process is of no use then
}

// startProcess starts it and waits until it answers.
func startProcess(cmd *exec.Cmd) (*process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(out)}
	var answer struct{ Version string }
	if err := p.ask(map[string]any{"do": "version"}, &answer); err != nil {
		p.stop()
		return nil, err
	}
	p.version = answer.Version
	return p, nil
}

// load hands over the data in files, which are removed again.
func (p *process) load(sets []*dataset) (err error) {
	dir, err := os.MkdirTemp("", "fhirdock-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i, d := range sets {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, bytes.Join(d.docs, nil), 0o600); err != nil {
			return err
		}
		sizes := make([]int, len(d.docs))
		for i, doc := range d.docs {
			sizes[i] = len(doc)
		}
		if err := p.ask(map[string]any{"do": "load", "name": d.name, "path": path, "sizes": sizes}, &struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

// reads makes a contestant's run of the process. Where it has several ways to
// read, how is one of them.
func (p *process) reads(how string) func(*dataset, int) (time.Duration, int, error) {
	return func(d *dataset, times int) (time.Duration, int, error) {
		var answer struct {
			Seconds float64
			Refused int
		}
		err := p.ask(map[string]any{"do": "read", "name": d.name, "times": times, "how": how}, &answer)
		return time.Duration(answer.Seconds * float64(time.Second)), answer.Refused, err
	}
}

func (p *process) ask(request, answer any) error {
	if p.err != nil {
		return p.err
	}
	line, err := json.Marshal(request)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	var got []byte
	if err == nil {
		got, err = p.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(got, answer)
	}
	if err != nil {
		p.err = fmt.Errorf("%s stopped answering: %w", filepath.Base(p.cmd.Path), err)
	}
	return p.err
}

func (p *process) stop() {
	_ = p.in.Close() // which ends it
	_ = p.cmd.Wait() // how it ended changes nothing any more
}
