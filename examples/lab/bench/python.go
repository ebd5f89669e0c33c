package main

import (
	"context"
	_ "embed"
	"encoding/hex"
	"os/exec"
)

//go:embed python.py
var pythonProgram string

// startPython starts python3. Where it is not to be had, missing says so.
func startPython(ctx context.Context) (py *process, missing string) {
	path, err := exec.LookPath("python3")
	if err != nil {
		return nil, "there is no python3 on PATH"
	}
	if py, err = startProcess(exec.CommandContext(ctx, path, "-c", pythonProgram)); err != nil {
		return nil, "python3 is on PATH, but does not run"
	}
	return py, ""
}

// pythonAccepts says whether Python takes a document. That the process is gone
// must not pass for a refusal: its err has to be looked at.
func pythonAccepts(py *process) func(doc []byte) bool {
	return func(doc []byte) bool {
		var answer struct{ Taken bool }
		_ = py.ask(map[string]any{"do": "accept", "doc": hex.EncodeToString(doc)}, &answer)
		return answer.Taken
	}
}
