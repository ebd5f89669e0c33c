package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/fhirdock/fhirdock/examples/lab/bench/internal/reading"
)

// starter prepares a process.
type starter func(ctx context.Context, args ...string) (*exec.Cmd, error)

// answer is what became of a document.
type answer byte

const (
	takes   answer = reading.Takes
	refuses answer = reading.Refuses
	crashes answer = 'c' // the process ended
	tooSlow answer = 's' // it had no answer when patience ended
)

func (a answer) String() string {
	switch a {
	case takes:
		return "takes"
	case refuses:
		return "refuses"
	case crashes:
		return "crashes"
	}
	return "too slow"
}

// Ways to ask, see contestant.
const (
	asBundle = "bundle"
	asValue  = "value"
)

// ask lets a contestant judge documents, in a process of its own: it may overflow
// its stack on one, or take forever. The process is what start prepares: spawn,
// unless the contestant has a program of its own.
func ask(ctx context.Context, start starter, who, way string, docs [][]byte, patience time.Duration) ([]answer, error) {
	var all []answer
	for len(all) < len(docs) {
		got, err := askSome(ctx, start, who, way, docs[len(all):], patience)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	return all, nil
}

// askSome asks until one of the documents ends the process, or has to be ended.
func askSome(ctx context.Context, start starter, who, way string, docs [][]byte, patience time.Duration) ([]answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, err := start(ctx, "accepts", who, way)
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(docs)
	if err != nil {
		return nil, err
	}
	var trouble bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &trouble
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// The first byte says that it is ready: what it took to start is not counted.
	var all []answer
	slow := false
	limit := time.AfterFunc(time.Minute, cancel)
	for r, ready := bufio.NewReader(out), false; len(all) < len(docs); ready = true {
		b, err := r.ReadByte()
		if err != nil {
			slow = !limit.Stop()
			break
		}
		limit.Reset(patience)
		if ready {
			all = append(all, answer(b))
		} else if b != reading.Ready {
			return nil, errors.Join(fmt.Errorf("%s can't be asked", who), stop(cmd, cancel))
		}
	}
	limit.Stop()
	if err := context.Cause(ctx); err != nil && !slow {
		return nil, errors.Join(err, stop(cmd, cancel))
	}
	err = stop(cmd, cancel)
	switch {
	case len(all) == len(docs):
	case slow:
		all = append(all, tooSlow)
	case cmd.ProcessState.ExitCode() == reading.Unable:
		return nil, fmt.Errorf("asking %s: %s", who, trouble.String())
	case err != nil:
		all = append(all, crashes)
	}
	return all, nil
}

func stop(cmd *exec.Cmd, cancel func()) error {
	cancel()
	return cmd.Wait()
}

// acceptsChild answers for one contestant, a byte for each document.
func acceptsChild(name, way string, stdin io.Reader, stdout io.Writer) error {
	others := &apart{}
	if name == thePython {
		py, missing := startPython(context.Background())
		if py == nil {
			return errors.New(missing)
		}
		defer py.stop()
		others.python = py
	}
	who := named(contestants(others), name)
	if who == nil {
		return fmt.Errorf("nobody is called %q", name)
	}
	accepts := who.bundle
	if way == asValue {
		accepts = who.value
	}
	if accepts == nil {
		return fmt.Errorf("%s does not judge a %s", name, way)
	}
	return reading.Judge(stdin, stdout, func(doc []byte) (bool, error) {
		taken := accepts(doc)
		if others.python != nil {
			return taken, others.python.err
		}
		return taken, nil
	})
}
