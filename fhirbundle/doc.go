// Package fhirbundle says whether bytes are a FHIR Bundle, a FHIR NDJSON file or a
// single resource that a front door may take, and yields the resources in them. It reads
// in one pass over a JSON scanner of its own, holds one entry at a time, and
// never builds a map or a tree.
//
// # What is always an error
//
// What breaks JSON: syntax (RFC 8259), UTF-8, a name that occurs twice in one
// object, a lone surrogate, an escaped or raw NUL, nesting deeper than
// [Options.MaxDepth], a string or an entry above its limit, anything after the
// document. A byte order mark before the document, or before a line of NDJSON, is
// skipped with a warning.
//
// What is not JSON at all (gzip, zip, XML, UTF-16, UTF-32), and one document over
// several lines that is given as NDJSON: it is named in one finding, and nothing of
// it is read.
//
// What a front door can do nothing with: a body that is empty or not a Bundle, a
// Bundle of a type that FHIR does not define or that is not among [Options.Types],
// an entry without the resource that it needs. A Bundle without entries is valid
// FHIR; with [Options.RequireEntries] it is an error too.
//
// # What is a finding
//
// All other rules that a payload carries in itself (see [Rules]) are warnings at
// level [Lenient] and errors at level [Strict]:
//
//   - FHIR's JSON format: null out of place, what is empty, x and _x that do not
//     match, resourceType and id, types that the version of FHIR does not have;
//   - all invariants bdl-* of Bundles, by what they mean where the expression that
//     was published says something else (bdl-7; of R5 bdl-14 and bdl-16);
//   - fullUrl: absolute, unique, of the same type and id as its resource, present
//     where it has to be;
//   - transactions and batches: method, URL, ids, bodies, patches, ifNoneExist, no
//     resource that a transaction changes twice, and no reference to a resource that
//     another entry of the batch creates;
//   - histories and responses: status, etag and location, bodies, and no version of
//     a resource twice;
//   - searchsets: search.mode, what an OperationOutcome may say, and, as a warning,
//     two links self, first, previous, next or last;
//   - contained resources: dom-2 to dom-5, and ids that occur twice. Something
//     refers to one (dom-3) if any string of the resource is its id after a "#",
//     or if it says "#" itself, since types of elements are not known here. One
//     without an id nothing can refer to;
//   - references: to contained resources, and conditional ones. What a document's
//     Composition and a message's MessageHeader.response.details refer to must be an
//     entry of the Bundle, by the rules for references in Bundles and in the version
//     that the reference names. Warnings at both levels: a MessageHeader.focus that
//     is no entry, and a urn:uuid that no entry has;
//   - NDJSON, as warnings at both levels: a reference to a urn:uuid, which no line can
//     resolve, and a resource that has the type, id and version of an earlier one;
//   - urn:uuid: and urn:oid: in a fullUrl or a reference: a UUID, an OID. Upper-case
//     letters in a UUID are a warning.
//
// At level [Basic] they are not looked for, which makes reading some 30% faster.
// They differ between [R4], [R4B] and [R5]. [Options.Severities] changes what
// becomes of a rule's findings. A resource that is a Bundle is judged by the rules
// of Bundles too, also inside Parameters or another resource, and its entries are its
// own: they are not yielded, counted or referred to from outside. What takes the
// definitions of elements (cardinality, types, codes) is not judged.
//
// Two things are not what one might expect: a byte order mark is a warning at
// both levels, and a line of NDJSON without a resourceType is an error at both,
// since nothing could be done with it; in a Bundle such a resource is a finding.
//
// # Validating, and reading
//
// [Validate] and [ValidateBytes] say whether a payload can be taken, and why not
// ([Report.Err]). [Reader.Next] and [Reader.All] yield the entries as they are
// read, and [AppendLine] makes a line of NDJSON of each. [ResumeReader] goes on
// from a [Position] that was stored. [NewOutcome] makes an OperationOutcome of the
// findings. [CheckJSON] checks any JSON value. [Links] and [AppendResolved] give the
// entries of a Bundle other names in the references between them, such as the ids that
// a server has given.
//
// A document that just ends can't be told from one that was cut at such a place:
// an NDJSON file, at a line's end. A caller that knows the length compares it
// with [Report.Bytes]. An error of the source is never taken for the end.
//
// # Memory
//
// A [Reader] holds its read buffer and the entry that it is reading, at most
// [Options.MaxEntryBytes], and the names of the members of objects that are open,
// whose number is bounded likewise. What has to be compared between entries
// (fullUrls, what a transaction changes, references) is kept as hashes of 16 bytes,
// and the type, id and version of each line of NDJSON as they are, at most
// [Options.MaxIndexBytes] in all: a transaction of a million entries takes some
// 100 MB, and so do a million lines. Entries and lines that find no room are reported as not-checked, once, and never
// passed over in silence. Nothing else grows with the number of entries, and
// reading an entry in which nothing is found allocates nothing. What [Reader.Next]
// returns aliases the reader's buffer and is overwritten by the next call.
//
// # Time
//
// It is linear in the payload, whatever is in it: names of an object are kept in
// a hash table with a random seed once there are many, and so are texts that
// entries are compared by. Bundles and Parameters inside one another are read once
// for each of the outer ones, up to a depth of 4; what is deeper is reported as
// not-checked.
//
// # Privacy
//
// Payloads are health records. No error, issue or path made here holds a value
// or a property name of the document; it says which rule, at which entry, line
// and byte offset. Two messages quote a resourceType or a Bundle type, and only one
// that some version of FHIR defines; [OtherType] stands for all other types.
package fhirbundle
