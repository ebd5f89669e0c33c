package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// Entry is one entry of a Bundle, or one line of an NDJSON file. Its slices
// alias the reader's buffer: they may be read, not written, until the next call
// of [Reader.Next].
type Entry struct {
	// Index is the entry's place in Bundle.entry, or among the lines that are
	// not blank, from 0.
	Index int64
	// Offset is where the entry (its opening brace, or its line) starts, in
	// bytes from the start of the document. Size is its length in bytes.
	Offset int64
	Size   int64

	// Resource is the resource as it stands in the document, byte for byte;
	// nil where the entry has none. ResourceOffset is where it starts.
	Resource       []byte
	ResourceOffset int64
	// Type is the resource's resourceType; empty where it has none that is
	// written like a type's name, and [OtherType] where no version of FHIR
	// defines it. The string is shared between entries, not allocated for each.
	Type string
	// ID is Resource.id, unescaped; nil where there is none.
	ID []byte
	// FullURL is Bundle.entry.fullUrl, unescaped; nil where there is none.
	FullURL []byte
	// Request is the raw Bundle.entry.request object; nil where there is none.
	Request []byte
	// Method and URL are Bundle.entry.request.method and .url, unescaped.
	Method string
	URL    []byte

	// Issues found in this entry. A line lists at most [Options.MaxIssues], and its
	// first error in any case. Of a Bundle's entry they are listed as long as the
	// report has room for them; [Entry.Rejected] counts the others too. A line with an
	// error must not be handed on: Resource is nil if the line is not JSON.
	Issues []Issue

	failed bool // an error is not among Issues
	line   int64
	win    *scan.Input
}

// Line is the line on which the entry starts, from 1. In a payload that is in
// memory lines are counted only as far as they are asked for.
func (e *Entry) Line() int64 {
	if e.win == nil {
		return e.line
	}
	return e.win.LineOf(e.line, e.Offset)
}

// Rejected reports whether an issue of the entry is an error.
func (e *Entry) Rejected() bool { return e.failed || hasError(e.Issues) }
