package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/fhirdock/fhirdock/examples/lab/bench/internal/reading"
)

// childArg is the first argument of this program where it runs itself, for what
// needs a process of its own: a peak of memory, or input that may end it.
const childArg = "-as-child"

// child is main of such a process.
func child(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var err error
	switch {
	case len(args) == 3 && args[0] == "memory":
		var size int64
		if size, err = strconv.ParseInt(args[2], 10, 64); err == nil {
			err = memoryChild(args[1], size, stdout)
		}
	case len(args) == 3 && args[0] == "accepts":
		err = acceptsChild(args[1], args[2], stdin, stdout)
	default:
		err = fmt.Errorf("unknown work: %q", args)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return reading.Unable
	}
	return 0
}

// spawn prepares this program as a child.
func spawn(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, self, append([]string{childArg}, args...)...), nil
}
