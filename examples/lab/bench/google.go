package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// googlePackage is the program that reads with google/fhir; it says why this one
// must not.
const googlePackage = "github.com/fhirdock/fhirdock/examples/lab/bench/googlefhir"

// google is that program, built and running.
type google struct {
	*process
	dir  string // of the program, removed when it stops
	path string
}

// startGoogle builds the program and starts it. Where there is no Go or no source
// to do it with, missing says so, and that is no error.
func startGoogle(ctx context.Context) (g *google, missing string, err error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, "there is no go on PATH to build it with", nil
	}
	dir, err := os.MkdirTemp("", "fhirdock-bench-")
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if g == nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	dir += string(filepath.Separator) // go build: a folder, which names the file as the system wants it
	if err := exec.CommandContext(ctx, tool, "build", "-o", dir, googlePackage).Run(); err != nil {
		return nil, "go build examples/lab/bench/googlefhir fails from the working folder", nil
	}
	path, err := exec.LookPath(filepath.Join(dir, "googlefhir"))
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, path, "reads")
	cmd.Stderr = os.Stderr
	p, err := startProcess(cmd)
	if err != nil {
		return nil, "", err
	}
	return &google{process: p, dir: dir, path: path}, "", nil
}

// spawn prepares the program as a child that judges documents, see ask.
func (g *google) spawn(ctx context.Context, args ...string) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, g.path, args...), nil
}

func (g *google) stop() {
	g.process.stop()
	_ = os.RemoveAll(g.dir) // a file for temporary ones, at worst
}
