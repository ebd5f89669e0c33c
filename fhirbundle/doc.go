// Package fhirbundle says whether bytes are a FHIR Bundle, or a FHIR NDJSON
// file, that a front door may take, and yields the resources in them. It reads
// in one pass over a JSON scanner of its own, holds one entry at a time, and
// never builds a map or a tree.
//
// # What is always an error
//
// What breaks JSON: syntax (RFC 8259), UTF-8, a name that occurs twice in one
// object, a lone surrogate, an escaped or raw NUL, nesting deeper than
// [Options.MaxDepth], a string or an entry above its limit, anything after the
// document. A byte order mark in front is skipped with a warning. And the six
// rules of a front door: the body is not empty, it is JSON, it is a Bundle, its
// type is accepted, it has entries, and each entry has the resource that it
// needs.
//
// # What is a finding
//
// The other rules that this package knows (see [Rules]) are warnings at level
// [Lenient] and errors at level [Strict]. Two things are not what one might
// expect: a byte order mark is a warning at both levels, and a line of NDJSON
// without a resourceType is an error at both, since nothing could be done with
// it; in a Bundle such a resource is a finding.
//
// # Validating, and reading
//
// [Validate] and [ValidateBytes] say whether a payload can be taken, and why not
// ([Report.Err]). [Reader.Next] and [Reader.All] yield the entries as they are
// read. [ResumeReader] goes on from a [Position] that was stored. [NewOutcome]
// makes an OperationOutcome of the findings. [CheckJSON] checks any JSON value.
//
// A document that just ends can't be told from one that was cut at such a place:
// an NDJSON file, at a line's end. A caller that knows the length compares it
// with [Report.Bytes]. An error of the source is never taken for the end.
//
// # Memory
//
// A [Reader] holds its read buffer and the entry that it is reading, at most
// [Options.MaxEntryBytes], and the names of the members of objects that are open,
// whose number is bounded likewise. Nothing grows with the number of entries,
// and reading an entry in which nothing is found allocates nothing. What
// [Reader.Next] returns aliases the reader's buffer and is overwritten by the
// next call.
//
// # Time
//
// It is linear in the payload, whatever is in it: names of an object are kept in
// a hash table with a random seed once there are many.
//
// # Privacy
//
// Payloads are health records. No error, issue or path made here holds a value
// or a property name of the document; it says which rule, at which entry, line
// and byte offset. Two messages quote a resourceType or a Bundle type, and only
// where it is a word of [A-Za-z-]{1,40}.
package fhirbundle
