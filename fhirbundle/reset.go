package fhirbundle

import (
	"hash/maphash"
	"io"
)

// Reset makes the reader ready for another payload, which it reads from src with
// the options that it was made with. What it has allocated is used again: for
// payloads of a few kB that is a good part of what reading them costs. Entries
// that it returned are no longer valid, nor is what they alias; reports are.
func (r *Reader) Reset(src io.Reader) {
	var buf []byte
	if r.win.src != nil && cap(r.win.buf) <= block {
		buf = r.win.buf[:0]
	}
	r.reset()
	r.win.src, r.win.buf = src, buf
}

// ResetBytes is [Reader.Reset] for a payload that is in memory already, as
// [NewBytesReader] reads it. With nil the reader lets go of what it has read.
func (r *Reader) ResetBytes(data []byte) {
	r.reset()
	r.win.buf, r.win.err = data, io.EOF
}

const frameBytes = 16

// maxKept is how many bytes of one kind a reader keeps for the next payload.
const maxKept = 64 << 10

// reset keeps the options and some memory, and nothing of what was read.
func (r *Reader) reset() {
	old := kept{r.opts, r.scan.seed, r.scan.room, r.scan.frames, r.col.severity, r.index, r.counts.types, r.issues, r.texts, r.nested}
	*r = Reader{
		opts: old.opts,
		win:  window{max: old.opts.maxEntry, step: block},
		col:  collector{severity: old.severity, lines: old.opts.format == NDJSON, max: old.opts.maxIssues},
	}
	r.scan.room, r.scan.severity = old.room, old.severity
	r.scan.restart(&r.opts, old.seed)
	if n := cap(old.frames); n > len(r.scan.frames) && n*frameBytes <= maxKept {
		r.scan.frames = old.frames[:min(n, old.opts.maxDepth)]
	}
	r.index = old.index
	r.index.reset(old.opts.maxIndex)
	r.counts.v = old.opts.version
	if cap(old.types) <= fewTypes {
		clear(old.types)
		r.counts.types = old.types[:0]
	}
	if cap(old.issues) <= fewTypes {
		clear(old.issues[:cap(old.issues)])
		r.issues = old.issues[:0]
	}
	for i, text := range old.texts {
		if cap(text) <= maxKept {
			r.texts[i] = text[:0]
		}
	}
	if r.nested = old.nested; r.nested != nil && r.nested.state != atStart {
		r.nested.ResetBytes(nil)
	}
}

// kept is what outlives a reset.
type kept struct {
	opts     options
	seed     maphash.Seed
	room     *room
	frames   []frame
	severity *severities
	index    index
	types    []typeCount
	issues   []Issue
	texts    [3][]byte
	nested   *Reader
}
