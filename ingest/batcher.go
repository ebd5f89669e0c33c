package ingest

import (
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/batchkey"
	"github.com/fhirdock/fhirdock/jobs"
)

// batchLimits end a batch; zero means no limit.
type batchLimits struct {
	resources int
	bytes     int64
}

// batch is a Batch and the worker's own data about it.
type batch struct {
	Batch
	// counts of NDJSON resources by type; a Bundle's are known from its
	// validation.
	counts map[string]int64
}

// refused counts the resources that the handler rejected.
func (b *batch) refused() (n int64) {
	for i := range b.Resources {
		if b.Resources[i].rejected {
			n++
		}
	}
	return n
}

// batcher copies entries from a reader into batches. The borders of a batch depend only
// on its start and the limits, so that it is the same whenever it is read again.
type batcher struct {
	job    *jobs.Job
	reader *fhirbundle.Reader
	limits batchLimits
	ndjson bool
	ended  bool
	// transaction reports that the payload is one.
	transaction bool
	// hopeful reports that no line of the NDJSON could be read yet; broken is the number
	// of broken lines before this batch. A batch ends where the file is given up: see hopeless.
	hopeful bool
	broken  int64

	cur   batch
	bytes []byte // resources and requests of the batch
	spans []span
	size  int64 // in bytes, as the limit counts them
}

// span locates a resource and its request in the batch's bytes. They are sliced when
// the batch is full: until then the bytes may move.
type span struct{ raw, request, end int }

func newBatcher(job *jobs.Job, reader *fhirbundle.Reader, limits batchLimits) *batcher {
	b := &batcher{job: job, reader: reader, limits: limits, ndjson: job.Payload.Format == string(fhirbundle.FormatNDJSON)}
	b.hopeful = b.ndjson && len(job.ResourceCounts) == 0
	b.broken = job.Progress.Rejected
	b.transaction = !b.ndjson && job.Payload.BundleType == "transaction"
	if limits == (batchLimits{}) {
		// Whole: at most the payload's size. Growing to it would take twice that.
		b.bytes = make([]byte, 0, job.Payload.Size)
	}
	return b
}

func (b *batcher) position() fhirbundle.Position { return b.reader.Position() }

// next returns the next batch, or io.EOF. The batch is valid until the following call.
func (b *batcher) next() (*batch, error) {
	if b.ended {
		return nil, io.EOF
	}
	start := b.reader.Position().Offset
	b.hopeful = b.hopeful && len(b.cur.Resources) == 0
	b.broken += int64(len(b.cur.rejected))
	b.cur = batch{Batch: Batch{Job: b.job, Start: start, Resources: b.cur.Resources[:0]}}
	b.cur.Transaction = b.transaction
	b.bytes, b.spans, b.size = b.bytes[:0], b.spans[:0], 0
	if b.ndjson {
		b.cur.counts = make(map[string]int64)
	}
	for !b.full() {
		e, err := b.reader.Next()
		if err == io.EOF {
			b.ended = true
			break
		}
		if err != nil {
			return nil, err
		}
		b.add(e)
	}
	if len(b.cur.Resources) == 0 && len(b.cur.rejected) == 0 {
		return nil, io.EOF
	}
	b.cut()
	b.cur.End = b.reader.Position().Offset
	b.cur.Whole = start == 0 && b.ended
	b.cur.Key = batchkey.Format(b.job, start, b.cur.End)
	return &b.cur, nil
}

func (b *batcher) full() bool {
	n := len(b.cur.Resources) + len(b.cur.rejected)
	if b.limits.resources > 0 && n >= b.limits.resources || b.limits.bytes > 0 && b.size >= b.limits.bytes {
		return true
	}
	return b.hopeful && len(b.cur.Resources) == 0 && b.broken+int64(len(b.cur.rejected)) >= hopelessLines
}

func (b *batcher) add(e *fhirbundle.Entry) {
	if b.ndjson && e.Rejected() {
		b.cur.rejected = append(b.cur.rejected, Outcome{
			Line: e.Line(), Offset: e.Offset, ResourceType: e.Type, ID: listedID(string(e.ID)), Issues: outcomeIssues(e.Issues),
		})
		return
	}
	if b.ndjson {
		b.cur.counts[e.Type]++
	}
	c := e.Conditions()
	b.cur.Resources = append(b.cur.Resources, Resource{
		Index: e.Index, Line: e.Line(), Offset: e.Offset, Type: e.Type, ID: string(e.ID), FullURL: string(e.FullURL),
		Method: e.Method, URL: string(e.URL),
		IfNoneExist: c.IfNoneExist, IfMatch: c.IfMatch, IfNoneMatch: c.IfNoneMatch, IfModifiedSince: c.IfModifiedSince,
	})
	s := span{raw: len(b.bytes)}
	b.bytes = append(b.bytes, e.Resource...)
	s.request = len(b.bytes)
	b.bytes = append(b.bytes, e.Request...)
	s.end = len(b.bytes)
	b.spans = append(b.spans, s)
	b.size += int64(len(e.Resource) + len(e.ID) + len(e.FullURL) + len(e.URL))
}

// cut slices the batch's bytes into resources and requests.
func (b *batcher) cut() {
	for i, s := range b.spans {
		r := &b.cur.Resources[i]
		if s.request > s.raw {
			r.Raw = b.bytes[s.raw:s.request:s.request]
		}
		if s.end > s.request {
			r.Request = b.bytes[s.request:s.end:s.end]
		}
	}
}
