package ingest

import (
	"io"
	"slices"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/batchkey"
	"github.com/fhirdock/fhirdock/jobs"
)

// batchLimits end a batch; zero is no limit.
type batchLimits struct {
	resources int
	bytes     int64
}

// batch is a Batch with what only the worker needs.
type batch struct {
	Batch
	// counts of NDJSON resources by type; a Bundle's are known from its
	// validation.
	counts map[string]int64
}

// refused counts the resources that the handler refused.
func (b *batch) refused() (n int64) {
	for i := range b.Resources {
		if b.Resources[i].rejected {
			n++
		}
	}
	return n
}

// batcher copies entries out of a reader into batches. The borders of a batch
// follow from where it starts and the limits alone, so that it is the same
// whenever it is read again.
type batcher struct {
	job    *jobs.Job
	reader *fhirbundle.Reader
	limits batchLimits
	ndjson bool
	ended  bool

	cur   batch
	bytes []byte // of all resources of the batch
	spans []span
}

// span is where a resource's parts lie in the batch's bytes. They are cut out
// when the batch is full, for until then the bytes may move.
type span struct{ raw, id, fullURL, url, end int }

func newBatcher(job *jobs.Job, reader *fhirbundle.Reader, limits batchLimits) *batcher {
	b := &batcher{job: job, reader: reader, limits: limits, ndjson: job.Payload.Format == string(fhirbundle.NDJSON)}
	if limits == (batchLimits{}) {
		// Whole: all of the payload at most. Growing to it would take twice that.
		b.bytes = make([]byte, 0, job.Payload.Size)
	}
	return b
}

func (b *batcher) position() fhirbundle.Position { return b.reader.Position() }

// next returns the next batch, or io.EOF. The batch is overwritten by the call
// after it.
func (b *batcher) next() (*batch, error) {
	if b.ended {
		return nil, io.EOF
	}
	start := b.reader.Position().Offset
	b.cur = batch{Batch: Batch{Job: b.job, Start: start, Resources: b.cur.Resources[:0]}}
	b.bytes, b.spans = b.bytes[:0], b.spans[:0]
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
	return b.limits.resources > 0 && n >= b.limits.resources || b.limits.bytes > 0 && int64(len(b.bytes)) >= b.limits.bytes
}

func (b *batcher) add(e *fhirbundle.Entry) {
	if b.ndjson && e.Rejected() {
		b.cur.rejected = append(b.cur.rejected, Outcome{
			Line: e.Line(), Offset: e.Offset, ResourceType: e.Type, ID: string(e.ID), Issues: slices.Clone(e.Issues),
		})
		return
	}
	if b.ndjson {
		b.cur.counts[e.Type]++
	}
	b.cur.Resources = append(b.cur.Resources, Resource{
		Index: e.Index, Line: e.Line(), Offset: e.Offset, Type: e.Type, Method: e.Method,
	})
	s := span{raw: len(b.bytes)}
	b.bytes = append(b.bytes, e.Resource...)
	s.id = len(b.bytes)
	b.bytes = append(b.bytes, e.ID...)
	s.fullURL = len(b.bytes)
	b.bytes = append(b.bytes, e.FullURL...)
	s.url = len(b.bytes)
	b.bytes = append(b.bytes, e.URL...)
	s.end = len(b.bytes)
	b.spans = append(b.spans, s)
}

// cut gives each resource its part of the batch's bytes.
func (b *batcher) cut() {
	for i, s := range b.spans {
		r := &b.cur.Resources[i]
		if s.id > s.raw {
			r.Raw = b.bytes[s.raw:s.id:s.id]
		}
		r.ID = string(b.bytes[s.id:s.fullURL])
		r.FullURL = string(b.bytes[s.fullURL:s.url])
		r.URL = string(b.bytes[s.url:s.end])
	}
}
