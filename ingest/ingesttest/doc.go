// Package ingesttest gives tests a whole running pipeline in one call:
//
//	p := ingesttest.New(t)
//	job := p.Client.PostBundle(t, bundle)
//	p.Wait(t, job.ID)
//	got := p.Sink.Resources()
//
// Everything is real and in memory: the HTTP front door on a loopback listener,
// signed uploads, a bucket, the in-process queue, the in-memory job store, a
// worker and a sweeper. Only time is the test's own: the pipeline's clock stands
// until [Pipeline.Advance] moves it.
package ingesttest
