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
	opts    options
	win     scan.Input
	scan    scan.Scanner
	col     collector
	counts  counts
	budget  budget
	index   index
	recent  recentRefs // taken in by index
	across  across
	lineIDs lineIDs
	late    *lateJudge // nil as long as nothing was to be judged late
	nested  *Reader    // for resources that are Bundles; nil until there is one
	inner   inner
	entry   Entry
	issues  []Issue // of entry, reused
	texts   [3][]byte
	progress
}

// progress is what a reader knows of the payload. It starts from zero with each
// one.
type progress struct {
	state   state
	resumed bool
	begun   int64 // offset at which reading began
	err     error // what Next returns from now on

	bundle  bundleState
	unsure  bool  // not-checked was reported
	entries int64 // of the Bundle, or lines that are not blank
	skipped int64 // of them, before the position that was resumed at
	blank   int64
	refused int64
	pos     Position
	scratch []byte

	entryData   []byte   // of which entry is made
	typeText    []byte   // its resourceType as written, where it may be a type's name
	conditional int      // where the first conditional reference of the resource is, if any
	oddQuery    int      // where the first one is whose query is odd, if any
	queryType   string   // of a conditional reference before, which FHIR has
	urn         int      // where the first one to a URN is, if any
	judged      struct { // of the entry that was judged last
		ok      bool
		facts   facts
		verdict verdict
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
	r.win.Src = src
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
	r.win.Buf, r.win.Err = data, io.EOF
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
	r.begun = at.Offset
	r.pos = at
	r.entries, r.skipped = at.Entries, at.Entries
	r.win.Base, r.win.Lines = at.Offset, at.Lines
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
	r.bundle.has = 1 << bundleEntry
	return r, nil
}

// as is what a reader with these options reads.
func (o *options) as() as {
	switch {
	case o.format != FormatBundle:
		return asLines
	case o.nesting > 0:
		return asNested
	}
	return asBundle
}

func newReader(o options) *Reader {
	r := &Reader{
		opts: o,
		win:  scan.Input{Max: o.maxEntry, Step: scan.Block},
		col:  collector{severity: o.severities(o.as()), lines: o.format == FormatNDJSON, max: o.maxIssues},
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
	if r.win.Src == nil && p.Lines < 0 {
		p.Lines = r.win.LineOf(0, p.Offset) - 1
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
		Rejected:       r.refused,
		BlankLines:     r.blank,
		Bytes:          r.win.Offset() - r.begun,
		Issues:         r.col.issues(),
		MoreIssues:     r.col.more,
	}
	return rep
}

// failRead ends reading because src ended or failed; atEnd is the fault if it
// just ended.
func (r *Reader) failRead(atEnd scan.Fault) {
	w := &r.win
	if w.Err == io.EOF {
		w.Pos = len(w.Buf)
		r.fail(atEnd, w.Pos, r.where())
		return
	}
	r.err = fmt.Errorf("fhirbundle: reading the payload at byte %d: %w", w.Base+int64(len(w.Buf)), w.Err)
}

// fail ends reading because of what stands at win.buf[at].
func (r *Reader) fail(f scan.Fault, at int, path string) {
	w := &r.win
	line := w.LineAt(at) + 1
	r.report(ruleOfFault(f), Issue{
		Message: r.faultMessage(f, line, w.Base+int64(at)),
		Path:    path, Entry: r.inside(), Line: line, Offset: w.Base + int64(at),
	})
	r.err = r.Report().Err()
}

func (r *Reader) faultMessage(f scan.Fault, line, offset int64) string {
	text := f.Text()
	switch f {
	case scan.TooDeep:
		text += fmt.Sprintf(" (%d levels are allowed)", r.opts.maxDepth)
	case scan.LongString:
		text += fmt.Sprintf(" of %d bytes", r.opts.maxString)
	case scan.ManyNames:
		text += fmt.Sprintf(" of %d", r.opts.maxNames())
	case scan.LongEntry:
		text += fmt.Sprintf(" of %d bytes", r.opts.maxEntry)
	}
	return fmt.Sprintf("Invalid JSON: %s, at line %d, byte offset %d", text, line, offset)
}

// report completes an issue of a rule and collects it.
func (r *Reader) report(ru rule, is Issue) Issue {
	is.Code = rules[ru].Code
	if is.Severity == "" {
		is.Severity = r.col.severity.of[ru]
	}
	if is.Severity == SeverityNone {
		return is
	}
	if is.Message == "" {
		is.Message = rules[ru].Message
	}
	r.col.add(ru, is)
	return is
}
