// Command googlefhir reads with google/fhir when the benchmark tells it to. It is
// a program of its own because google/fhir keeps more than 16 MB alive from its
// start on, used or not. With that in its heap, the benchmark's process would
// collect garbage much less often, and whoever makes garbage, encoding/json more
// than most, would look faster than it is in a service.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"

	"github.com/fhirdock/fhirdock/examples/lab/bench/internal/reading"
)

func main() {
	if err := work(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "googlefhir:", err)
		os.Exit(reading.Unable)
	}
}

// work is main with its surroundings given. The first argument says what to do.
func work(args []string, stdin io.Reader, stdout io.Writer) error {
	// Into protocol buffers, with its validation.
	un, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		return err
	}
	accepts := func(doc []byte) bool {
		_, err := un.Unmarshal(doc)
		return err == nil
	}
	switch {
	case len(args) == 1 && args[0] == "reads":
		return reading.Serve(stdin, stdout, version(), accepts)
	case len(args) > 0 && args[0] == "accepts":
		return reading.Judge(stdin, stdout, func(doc []byte) (bool, error) { return accepts(doc), nil })
	}
	return fmt.Errorf("unknown work: %q", args)
}

// version is that of google/fhir as go.mod has it; empty where the binary does not
// say.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/google/fhir/go" {
				return dep.Version
			}
		}
	}
	return ""
}
