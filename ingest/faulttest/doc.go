// Package faulttest puts faults between a pipeline and its back ends, for tests: a job
// store, a bucket, a topic and a subscription that fail, hang, do a call twice, or do it
// and return an error, as decided by a [Plan].
//
//	store := faulttest.Store(jobs.NewMemStore(), faulttest.NthCall(faulttest.StoreUpdate, 3, faulttest.After))
//
// A decorator whose plan is nil, or returns [None], behaves like its back end: the
// conformance suites of package jobstest and of gocloud.dev pass. To try a fault at every
// call, run a scenario with a [Recorder] first, and then once for each recorded call.
//
// # Ownership
//
// The caller closes the decorated back ends. Closing or shutting down a decorator only ends
// the decorator; do it before closing the back end.
//
// # The simulation
//
// The tests of this package run the whole pipeline with random faults, crashes, lost
// messages and clocks that jump, in synthetic time:
//
//	go test ./ingest/faulttest -run Simulation -seeds 100000 -timeout 2h
//	go test ./ingest/faulttest -run Simulation -seed 4711 -v
//
// and every single back-end call with every fault, on the other stores too:
//
//	FHIRDOCK_TEST_LONG=1 go test ./ingest/faulttest -run Enumeration -timeout 1h
package faulttest
