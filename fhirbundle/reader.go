package fhirbundle

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// ErrInvalid is matched by every error that means that a payload is invalid, as opposed
// to one that means that it could not be read.
var ErrInvalid = errors.New("fhirbundle: invalid payload")

// InvalidError is the error of an invalid payload. It matches [ErrInvalid].
type InvalidError struct {
	// Issues as in the report, including warnings.
	Issues []Issue
	// First is the error to show if only one can be shown: the first one in the order of
	// the front door's rules.
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
	recent    recentRefs // references that are in index
	cross     crossRefs
	lineIDs   lineIDs
	deferred  *deferredChecks // nil until there is something to defer
	nested    *Reader         // for resources that are Bundles; nil until there is one
	inner     innerResources
	entry     Entry
	issues    []Issue // of the current entry, reused
	texts     [3][]byte
	progress
}

// progress is the state of reading one payload. Its zero value is the start.
type progress struct {
	state       state
	resumed     bool
	startOffset int64 // where reading began
	err         error // what Next returns from now on

	bundle      bundleState
	notCompared bool  // not-checked was reported
	entries     int64 // of the Bundle, or lines that are not blank
	skipped     int64 // of entries: before the position that was resumed at
	blankLines  int64
	rejected    int64
	pos         Position
	scratch     []byte

	entryData     []byte   // the data of entry
	typeText      []byte   // its resourceType as written, if it may be the name of a type
	conditionalAt int      // position of the first conditional reference of the resource
	oddQueryAt    int      // position of the first one with an odd query
	queryType     string   // a type that an earlier conditional reference had
	urnAt         int      // position of the first reference to a URN
	checked       struct { // the entry that was checked last
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

// NewReader returns a reader of src. It reads blocks of 4, 32 and then 256 KiB, and
// waits until a block is full or src ends; src needs no buffer of its own. The only
// error is for invalid options, and matches [ErrOptions].
func NewReader(src io.Reader, opts *Options) (*Reader, error) {
	o, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	r := newReader(o)
	r.input.Src = src
	return r, nil
}

// NewBytesReader returns a reader of a payload in memory. data is not copied: entries
// alias it, and it must not change while the reader is in use. The only error is for
// invalid options, and matches [ErrOptions].
func NewBytesReader(data []byte, opts *Options) (*Reader, error) {
	o, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	r := newReader(o)
	r.input.Buf, r.input.Err = data, io.EOF
	return r, nil
}

// ResumeReader returns a reader that continues at a position that [Reader.Position]
// returned for the same payload and options. src must start at at.Offset. Everything
// before it counts as read and valid: the rules of the whole Bundle, and those of an
// entry that depend on the Bundle's type, are not checked again, and counts start from
// zero. An impossible Position is an error that matches [ErrOptions].
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

// readerKind returns what a reader with these options reads.
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

// Next returns the next entry, or io.EOF after the end of the document. The entry is
// valid until the next call.
//
// Findings are not errors of Next: they are in [Entry.Issues] and [Reader.Report]. If
// reading can't continue, Next returns an error, and the same error from then on: an
// *[InvalidError] if the payload is at fault (invalid JSON, a limit, an empty body
// instead of a Bundle), otherwise the error of src, wrapped. In NDJSON, an invalid line
// is an entry with issues, and reading continues after it, unless the file is not
// NDJSON: another format, or one document over several lines.
//
// The entries of a Bundle are returned before the rest of it was read: only at io.EOF
// does [Report.Err] say whether the Bundle is valid.
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

// All iterates over the remaining entries. Its last pair is an error without an entry if
// reading can't continue, or if the payload as a whole is invalid, see [Report.Err]. An
// entry is valid until the loop's body ends.
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

// Position returns the boundary after the entry that Next returned last. Before the
// first call it is where the reader started.
func (r *Reader) Position() Position {
	p := r.pos
	if r.input.Src == nil && p.Lines < 0 {
		p.Lines = r.input.LineOf(0, p.Offset) - 1
	}
	return p
}

// Reset prepares the reader for another payload, which it reads from src with the same
// options. It reuses memory, which matters for payloads of a few kB. Entries that it
// returned are no longer valid; reports are.
func (r *Reader) Reset(src io.Reader) {
	var buf []byte
	if r.input.Src != nil && cap(r.input.Buf) <= scan.Block {
		buf = r.input.Buf[:0]
	}
	r.reset()
	r.input.Src, r.input.Buf = src, buf
}

// ResetBytes is [Reader.Reset] for a payload in memory, see [NewBytesReader]. With nil
// the reader drops all references to the previous payload.
func (r *Reader) ResetBytes(data []byte) {
	r.reset()
	r.input.Buf, r.input.Err = data, io.EOF
}

// maxKept is how many bytes of one kind a reader keeps for the next payload.
const maxKept = 64 << 10

// reset keeps the options and some memory, and nothing of the payload. It resets field
// by field: making a new Reader takes as long as reading a few hundred bytes.
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

// resetIndexes empties the indexes that entries are compared with.
func (r *Reader) resetIndexes() {
	r.budget = budget{max: r.opts.maxIndex}
	r.index.reset(&r.budget, r.budget.max)
	r.recent.reset()
	r.cross.reset(&r.budget)
	r.lineIDs.reset(&r.budget)
}

// useScanner prepares the scanner, which must be new or released.
func (r *Reader) useScanner() {
	t := wholeTable
	if r.opts.basic {
		t = basicTable
	}
	r.scan.Use(r.opts.limits(), &r.collected.severity.scan, t)
}
