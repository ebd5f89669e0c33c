package faulttest_test

import (
	"github.com/fhirdock/fhirdock/jobs"
)

// variant is a pipeline with or without a planted fault.
type variant struct {
	name   string
	store  func(jobs.Store) jobs.Store // under the checks
	seen   func(jobs.Store) jobs.Store // as one process sees it
	noKeys bool                        // the sink has no batch keys
}

var sound = variant{name: "nothing is wrong"}
