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
// [Lenient] and errors at level [Strict].
//
// # Memory
//
// A [Reader] holds its read buffer and the entry that it is reading, at most
// [Options.MaxEntryBytes]. Nothing grows with the number of entries. What
// [Reader.Next] returns aliases the reader's buffer and is overwritten by the
// next call.
//
// # Privacy
//
// Payloads are health records. No error, issue or path made here holds a value
// or a property name of the document; it says which rule, at which entry, line
// and byte offset. Two messages quote a resourceType or a Bundle type, and only
// where it is a word of [A-Za-z-]{1,40}.
package fhirbundle
