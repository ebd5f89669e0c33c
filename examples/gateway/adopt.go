package main

import "github.com/fhirdock/fhirdock/ingest"

// adoption is that of -adopt; nil without it.
func (c *config) adoption() *ingest.Adoption {
	if c.adopt == "" {
		return nil
	}
	return &ingest.Adoption{Prefix: c.adopt, ListEvery: c.adoptEvery, Reserved: []string{c.output}}
}
