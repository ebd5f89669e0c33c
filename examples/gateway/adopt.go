package main

import "github.com/fhirdock/fhirdock/ingest"

// adoption returns the Adoption for -adopt, or nil without the flag.
func (c *config) adoption() *ingest.Adoption {
	if c.adopt == "" {
		return nil
	}
	return &ingest.Adoption{Prefix: c.adopt, ListEvery: c.adoptEvery, Reserved: []string{c.output}}
}
