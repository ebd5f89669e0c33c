// Package ingesttest gives tests a whole running pipeline in one call:
//
//	p := ingesttest.New(t)
//	accepted := p.Client.PostBundle(t, bundle)
//	job := p.Wait(t, accepted.JobID)
//	got := p.Sink.Resources()
//
// Everything is real and in memory: the HTTP front door on a loopback listener,
// signed uploads, a bucket, the in-process queue, the in-memory job store and a
// worker. Only time is the test's own: the pipeline's clock stands until
// [Pipeline.Advance] moves it, which is also when the sweeper looks.
package ingesttest
