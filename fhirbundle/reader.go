package fhirbundle

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// ErrInvalid is matched by every error that says that a payload is not
// acceptable, as opposed to one that says that it could not be read.
var ErrInvalid = errors.New("fhirbundle: invalid payload")

// InvalidError is what [Report.Err] returns; errors.Is(err, ErrInvalid) holds.
type InvalidError struct {
	// Issues as in the report, warnings included.
	Issues []Issue
	// First is the finding to show where only one can be shown: the first that
	// applies in the order of the six rules.
	First Issue
}

func (e *InvalidError) Error() string        { return e.First.Message }
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Reader reads one payload. It is not safe for concurrent use.
type Reader struct {
	opts      options
	input     scan.Input
	scan      scan.Scanner
	collected collector
	counts    typeCounts
	budget    budget
	index     index
	recent    recentRefs // taken in by index
	cross     crossRefs
	lineIDs   lineIDs
	deferred  *deferredChecks // nil as long as nothing was to be judged late
	nested    *Reader         // for resources that are Bundles; nil until there is one
	inner     innerResources
	entry     Entry
	issues    []Issue // of entry, reused
	texts     [3][]byte
	progress
}

// progress is what a reader knows of the payload. It starts from zero with each
// one.
type progress struct {
	state       state
	resumed     bool
	startOffset int64 // offset at which reading began
	err         error // what Next returns from now on

	bundle      bundleState
	notCompared bool  // not-checked was reported
	entries     int64 // of the Bundle, or lines that are not blank
	skipped     int64 // of them, before the position that was resumed at
	blankLines  int64
	rejected    int64
	pos         Position
	scratch     []byte

	entryData     []byte   // of which entry is made
	typeText      []byte   // its resourceType as written, where it may be a type's name
	conditionalAt int      // where the first conditional reference of the resource is, if any
	oddQueryAt    int      // where the first one is whose query is odd, if any
	queryType     string   // of a conditional reference before, which FHIR has
	urnAt         int      // where the first one to a URN is, if any
	checked       struct { // of the entry that was judged last
		ok      bool
		facts   facts
		verdict ruleSet
	}
}

// state is what a reader expects next.
type state uint8

const (
	atStart      state = iota // the document, with its white space and byte order mark
	atMember                  // after the Bundle's opening brace, or a comma: a name
	atMemberEnd               // after a member of the Bundle: a comma or a brace
	atFirstEntry              // after the bracket of Bundle.entry
	atEntryEnd                // after an entry: a comma or a bracket
	atTail                    // after the document: nothing but white space
	atLine                    // NDJSON: a line
	atDocument                // Resource: the resource
)

// NewReader returns a reader of src. It reads in blocks of 256 KiB, the first of
// 4 and 32 KiB, and waits until a block is full or src ends; src needs no buffer of
// its own. The only error is one of the options, which matches [ErrOptions].
func NewReader(src io.Reader, opts *Options) (*Reader, error) {
	o, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	r := newReader(o)
	r.input.Src = src
	return r, nil
}

// NewBytesReader returns a reader of a payload that is in memory already. data
// is not copied; entries alias it, and it must not be changed meanwhile. The only
// error is one of the options, which matches [ErrOptions].
func NewBytesReader(data []byte, opts *Options) (*Reader, error) {
	o, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	r := newReader(o)
	r.input.Buf, r.input.Err = data, io.EOF
	return r, nil
}

// ResumeReader returns a reader that goes on at a position that [Reader.Position]
// gave for the same payload, read with the same options; src must start at
// at.Offset. What stands before is taken as read and valid: rules over the
// whole Bundle are not judged again, nor those of an entry that depend on the
// Bundle's type, and counts start from zero. A Position that no reader can have
// given is an error that matches [ErrOptions], as options are that can't work.
func ResumeReader(src io.Reader, at Position, opts *Options) (*Reader, error) {
	if at.Offset < 0 || at.Entries < 0 || at.Lines < 0 {
		return nil, optionError("Position", fmt.Sprintf("%+v", at), "what Reader.Position returned")
	}
	r, err := NewReader(src, opts)
	if err != nil || at.Offset == 0 {
		return r, err
	}
	r.resumed = true
	r.startOffset = at.Offset
	r.pos = at
	r.entries, r.skipped = at.Entries, at.Entries
	r.input.Base, r.input.Lines = at.Offset, at.Lines
	if r.opts.format == FormatNDJSON {
		r.state = atLine
		return r, nil
	}
	if r.opts.format == FormatResource {
		r.state = atTail
		return r, nil
	}
	r.state = atEntryEnd
	r.openBundle()
	r.bundle.has = 1 << memberEntry
	return r, nil
}

// as is what a reader with these options reads.
func (o *options) readerKind() readerKind {
	switch {
	case o.format != FormatBundle:
		return readsLines
	case o.nesting > 0:
		return readsNested
	}
	return readsBundle
}

func newReader(o options) *Reader {
	r := &Reader{
		opts:      o,
		input:     scan.Input{Max: o.maxEntry, Step: scan.Block},
		collected: collector{severity: o.severities(o.readerKind()), lines: o.format == FormatNDJSON, max: o.maxIssues},
	}
	r.resetIndexes()
	r.counts.v = o.version
	r.scan.Init()
	r.useScanner()
	return r
}

// Next returns the next entry, or io.EOF after the end of the document. What
// it returns is valid until the next call.
//
// Findings do not stop it: they are in [Entry.Issues] and in [Reader.Report].
// Where reading can't go on it returns an error, the same one from then on: an
// *[InvalidError] if the payload is to blame (JSON that is broken, a limit, an
// empty body where a Bundle should be), otherwise what src returned, wrapped. In
// NDJSON a broken line is an entry with issues, and reading goes on after it, unless
// the file is not NDJSON at all: another format, or one document over several lines.
//
// A Bundle's entries are yielded as they are read, before the rest of it was
// seen: whether the Bundle as a whole may be taken is known at io.EOF only.
func (r *Reader) Next() (*Entry, error) {
	for r.err == nil {
		var ok bool
		switch r.state {
		case atStart:
			r.start()
		case atMember:
			r.member()
		case atMemberEnd:
			r.memberEnd()
		case atFirstEntry, atEntryEnd:
			ok = r.nextEntry()
		case atTail:
			r.tail()
		case atLine:
			ok = r.nextLine()
		case atDocument:
			ok = r.document()
		}
		if ok {
			return &r.entry, nil
		}
	}
	return nil, r.err
}

// All iterates over what is left. Its last pair is an error and no entry if
// reading can't go on, or if the payload as a whole can't be taken, as
// [Report.Err] says. An entry is valid until the loop's body ends.
func (r *Reader) All() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for {
			e, err := r.Next()
			if err == io.EOF {
				if err = r.Report().Err(); err != nil {
					yield(nil, err)
				}
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Position is the boundary after the entry that Next returned last. Before
// that it is where the reader started.
func (r *Reader) Position() Position {
	p := r.pos
	if r.input.Src == nil && p.Lines < 0 {
		p.Lines = r.input.LineOf(0, p.Offset) - 1
	}
	return p
}

// Report says what was learnt so far; it is complete once Next has returned
// io.EOF or an error that is an [ErrInvalid]. The report is the caller's.
func (r *Reader) Report() *Report {
	rep := &Report{
		Format:         r.opts.format,
		BundleType:     r.bundle.kind,
		Entries:        r.entries - r.skipped,
		Resources:      r.counts.all,
		ResourceCounts: r.counts.byType(),
		Rejected:       r.rejected,
		BlankLines:     r.blankLines,
		Bytes:          r.input.Offset() - r.startOffset,
		Issues:         r.collected.issues(),
		MoreIssues:     r.collected.more,
	}
	return rep
}

// Reset makes the reader ready for another payload, which it reads from src with
// the options that it was made with. What it has allocated is used again: for
// payloads of a few kB that is a good part of what reading them costs. Entries
// that it returned are no longer valid, nor is what they alias; reports are.
func (r *Reader) Reset(src io.Reader) {
	var buf []byte
	if r.input.Src != nil && cap(r.input.Buf) <= scan.Block {
		buf = r.input.Buf[:0]
	}
	r.reset()
	r.input.Src, r.input.Buf = src, buf
}

// ResetBytes is [Reader.Reset] for a payload that is in memory already, as
// [NewBytesReader] reads it. With nil the reader lets go of what it has read.
func (r *Reader) ResetBytes(data []byte) {
	r.reset()
	r.input.Buf, r.input.Err = data, io.EOF
}

// maxKept is how many bytes of one kind a reader keeps for the next payload.
const maxKept = 64 << 10

// reset keeps the options and some memory, and nothing of what was read. It goes
// part by part: to make a Reader anew and to copy it takes as long as to read a
// few hundred bytes.
func (r *Reader) reset() {
	o := &r.opts
	r.progress = progress{}
	r.input = scan.Input{Max: o.maxEntry, Step: scan.Block}
	r.collected = collector{severity: r.collected.severity, lines: o.format == FormatNDJSON, max: o.maxIssues}
	r.scan.Release()
	r.useScanner()
	r.resetIndexes()
	r.counts.reset(o.version)
	r.inner.release()
	if r.deferred != nil {
		r.deferred.reset()
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
	r.cross.reset(&r.budget)
	r.lineIDs.reset(&r.budget)
}

// useScanner makes the scanner ready, which was released.
func (r *Reader) useScanner() {
	t := wholeTable
	if r.opts.basic {
		t = basicTable
	}
	r.scan.Use(r.opts.limits(), &r.collected.severity.scan, t)
}
