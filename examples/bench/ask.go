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
)

// answer is what became of a document.
type answer byte

const (
	takes   answer = 't'
	refuses answer = 'r'
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
// its stack on one, or take forever.
func ask(ctx context.Context, who, way string, docs [][]byte, patience time.Duration) ([]answer, error) {
	var all []answer
	for len(all) < len(docs) {
		got, err := askSome(ctx, who, way, docs[len(all):], patience)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	return all, nil
}

// askSome asks until one of the documents ends the process, or has to be ended.
func askSome(ctx context.Context, who, way string, docs [][]byte, patience time.Duration) ([]answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, err := spawn(ctx, "accepts", who, way)
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
		} else if b != '!' {
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
	case cmd.ProcessState.ExitCode() == unable:
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
func acceptsChild(name, way string, stdin io.Reader, stdout io.Writer) (err error) {
	var docs [][]byte
	if err := json.NewDecoder(stdin).Decode(&docs); err != nil {
		return err
	}
	var py *python
	if name == thePython {
		if py, _, err = startPython(context.Background(), nil); err != nil {
			return err
		}
		if py != nil {
			defer py.stop()
		}
	}
	who := named(contestants(py, ""), name)
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
	if _, err := io.WriteString(stdout, "!"); err != nil {
		return err
	}
	for _, doc := range docs {
		a := refuses
		if accepts(doc) {
			a = takes
		}
		if py != nil && py.err != nil {
			return py.err
		}
		if _, err := stdout.Write([]byte{byte(a)}); err != nil {
			return err
		}
	}
	return nil
}
