// Package ingesttest gives tests a whole running pipeline in one call:
//
//	p := ingesttest.New(t)
//	accepted := p.Client.PostBundle(t, bundle)
//	job := p.Wait(t, accepted.JobID)
//	got := p.Sink.Resources()
//
// Everything is real and in memory: the HTTP API on a loopback listener, signed uploads, a
// bucket, the in-process queue, the in-memory job store and a worker. Only time belongs to
// the test: [Pipeline.Advance] moves the pipeline's clock and runs the sweeper.
package ingesttest
