package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed python.py
var pythonProgram string

// python is a Python process that reads when it is told to.
type python struct {
	version string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	err     error // of the first request that failed: the process is of no use then
}

// startPython starts python3 and gives it the data. Where it is not to be had,
// missing says so, and that is no error.
func startPython(ctx context.Context, sets []*dataset) (py *python, missing string, err error) {
	path, err := exec.LookPath("python3")
	if err != nil {
		return nil, "there is no python3 on PATH", nil
	}
	cmd := exec.CommandContext(ctx, path, "-c", pythonProgram)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "python3 does not start", nil
	}
	py = &python{cmd: cmd, in: in, out: bufio.NewReader(out)}
	var answer struct{ Version string }
	if py.ask(map[string]any{"do": "version"}, &answer) != nil {
		py.stop()
		return nil, "python3 is on PATH, but does not run", nil
	}
	py.version = answer.Version
	if err := py.load(sets); err != nil {
		py.stop()
		return nil, "", err
	}
	return py, "", nil
}

// load hands over the data in files, which are removed again.
func (py *python) load(sets []*dataset) (err error) {
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
		if err := py.ask(map[string]any{"do": "load", "name": d.name, "path": path, "sizes": sizes}, &struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

func (py *python) read(d *dataset, times int, dumps bool) (time.Duration, int, error) {
	var answer struct {
		Seconds float64
		Refused int
	}
	err := py.ask(map[string]any{"do": "read", "name": d.name, "times": times, "dumps": dumps}, &answer)
	return time.Duration(answer.Seconds * float64(time.Second)), answer.Refused, err
}

// accepts says whether it takes a document. That the process is gone must not pass
// for a refusal: err has to be looked at.
func (py *python) accepts(doc []byte) bool {
	var answer struct{ Taken bool }
	_ = py.ask(map[string]any{"do": "accept", "doc": hex.EncodeToString(doc)}, &answer)
	return answer.Taken
}

func (py *python) ask(request, answer any) error {
	if py.err != nil {
		return py.err
	}
	line, err := json.Marshal(request)
	if err == nil {
		_, err = py.in.Write(append(line, '\n'))
	}
	var got []byte
	if err == nil {
		got, err = py.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(got, answer)
	}
	if err != nil {
		py.err = fmt.Errorf("python3 stopped answering: %w", err)
	}
	return py.err
}

func (py *python) stop() {
	_ = py.in.Close() // which ends it
	_ = py.cmd.Wait() // how it ended changes nothing any more
}
