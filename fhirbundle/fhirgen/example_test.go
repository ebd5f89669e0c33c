package fhirgen_test

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// A Bundle for a test, the same in every run.
func ExampleGenerator_AppendBundle() {
	g := fhirgen.New(&fhirgen.Options{Seed: 42})
	body := g.AppendBundle(nil, "transaction", 300)

	var bundle struct {
		Type  string
		Entry []struct {
			Resource struct{ ResourceType string }
		}
	}
	if err := json.Unmarshal(body, &bundle); err != nil {
		fmt.Println(err)
	}
	fmt.Println(bundle.Type, len(bundle.Entry), bundle.Entry[0].Resource.ResourceType)
	// Output: transaction 300 Patient
}

// A file of a few megabytes; a gigabyte takes seconds.
func ExampleGenerator_WriteNDJSON() {
	f, err := os.CreateTemp("", "*.ndjson")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()

	lines, err := fhirgen.New(nil).WriteNDJSON(f, 4_000_000)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(lines > 1000)
	// Output: true
}
