package fhirbundle

import (
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// Reset makes the reader ready for another payload, which it reads from src with
// the options that it was made with. What it has allocated is used again: for
// payloads of a few kB that is a good part of what reading them costs. Entries
// that it returned are no longer valid, nor is what they alias; reports are.
func (r *Reader) Reset(src io.Reader) {
	var buf []byte
	if r.win.Src != nil && cap(r.win.Buf) <= scan.Block {
		buf = r.win.Buf[:0]
	}
	r.reset()
	r.win.Src, r.win.Buf = src, buf
}

// ResetBytes is [Reader.Reset] for a payload that is in memory already, as
// [NewBytesReader] reads it. With nil the reader lets go of what it has read.
func (r *Reader) ResetBytes(data []byte) {
	r.reset()
	r.win.Buf, r.win.Err = data, io.EOF
}

// maxKept is how many bytes of one kind a reader keeps for the next payload.
const maxKept = 64 << 10

// reset keeps the options and some memory, and nothing of what was read. It goes
// part by part: to make a Reader anew and to copy it takes as long as to read a
// few hundred bytes.
func (r *Reader) reset() {
	o := &r.opts
	r.progress = progress{}
	r.win = scan.Input{Max: o.maxEntry, Step: scan.Block}
	r.col = collector{severity: r.col.severity, lines: o.format == FormatNDJSON, max: o.maxIssues}
	r.scan.Release()
	r.useScanner()
	r.resetIndexes()
	r.counts.reset(o.version)
	r.inner.release()
	if r.late != nil {
		r.late.reset()
	}
	r.entry = Entry{}
	if cap(r.issues) <= 2*fewTypes {
		clear(r.issues[:cap(r.issues)])
		r.issues = r.issues[:0]
	} else {
		r.issues = nil
	}
	for i, text := range r.texts {
		if cap(text) <= maxKept {
			r.texts[i] = text[:0]
		} else {
			r.texts[i] = nil
		}
	}
	if r.nested != nil && r.nested.state != atStart {
		r.nested.ResetBytes(nil)
	}
}

// resetIndexes empties what entries are compared by.
func (r *Reader) resetIndexes() {
	r.budget = budget{max: r.opts.maxIndex}
	r.index.reset(&r.budget, r.budget.max)
	r.recent.reset()
	r.across.reset(&r.budget)
	r.lineIDs.reset(&r.budget)
}

// useScanner makes the scanner ready, which was released.
func (r *Reader) useScanner() {
	t := wholeTable
	if r.opts.basic {
		t = basicTable
	}
	r.scan.Use(r.opts.limits(), &r.col.severity.scan, t)
}
