// Package fhirbundle validates FHIR Bundles, NDJSON files and single resources, and
// yields the resources in them. It reads in one pass with a JSON scanner of its own,
// holds one entry at a time, and never builds a map or a tree.
//
// # What is always an error
//
// Invalid JSON: syntax (RFC 8259), UTF-8, a name that occurs twice in one object, a
// lone surrogate, an escaped or raw NUL, nesting deeper than [Options.MaxDepth], a
// string or an entry above its limit, anything after the document. A byte order mark
// before the document, or before a line of NDJSON, is skipped with a warning.
//
// Payloads that are not JSON at all (gzip, zip, XML, UTF-16, UTF-32), and a JSON document
// over several lines that is given as NDJSON. One finding says what it is, and nothing
// of it is read.
//
// Payloads that a front door can't use: a body that is empty or not a Bundle, a Bundle
// of a type that FHIR does not define or that is not among [Options.Types], an entry
// without the resource that it needs. A Bundle without entries is valid FHIR; with
// [Options.RequireEntries] it is an error too.
//
// # What is a finding
//
// Violations of all other rules that can be decided from the payload alone (see [Rules])
// are warnings
// at level [LevelLenient] and errors at level [LevelStrict]:
//
//   - FHIR's JSON format: misplaced nulls, empty values, x and _x that do not match,
//     resourceType and id, types that the version of FHIR does not have;
//   - all invariants bdl-* of Bundles. Where the published expression says something else
//     (bdl-7, and bdl-14 and bdl-16 of R5), the description counts;
//   - fullUrl: absolute, unique, of the same type and id as its resource, present
//     where it is required;
//   - transactions and batches: method, URL, ids, bodies, patches, ifNoneExist, no
//     resource that a transaction changes twice, and no reference to a resource that
//     another entry of the batch creates;
//   - histories and responses: status, etag and location, bodies, and no version of
//     a resource twice;
//   - searchsets: search.mode, the severities in an OperationOutcome, and, as a warning,
//     a second link self, first, previous, next or last;
//   - contained resources: dom-2 to dom-5, and ids that occur twice. A contained resource
//     counts as referred to (dom-3) if any string in the resource is "#" and its id, or if
//     it refers to "#" itself, because the types of elements are not known here;
//   - references: local ones, to contained resources, and conditional ones. A reference in
//     a document's Composition, or in a message's MessageHeader.response.details, must be
//     to an entry of the Bundle, by the rules for references in Bundles and in the version
//     that it names. Warnings at both levels: a MessageHeader.focus that is not an entry,
//     and a urn:uuid that is not the fullUrl of an entry;
//   - NDJSON, as warnings at both levels: a reference to a urn:uuid, which no line can
//     resolve, and a resource with the type, id and version of an earlier one;
//   - urn:uuid: and urn:oid: in a fullUrl or a reference must be followed by a UUID or an
//     OID. Upper-case letters in a UUID are a warning.
//
// Level [LevelBasic] skips these rules, which makes reading some 30% faster. They differ
// between [R4], [R4B] and [R5]. [Options.Severities] changes the severity of a rule's
// findings. A resource that is a Bundle is checked by the rules of Bundles too, also
// inside Parameters or another resource. Its entries are its own: they are not yielded
// or counted, and nothing outside it can refer to them. Rules that need the definitions
// of elements (cardinality, types, codes) are not checked.
//
// Two rules differ from the others. A byte order mark is a warning at both levels. A line
// of NDJSON without a resourceType is an error at both, because it can't be used; in a
// Bundle such a resource is a finding.
//
// # Validating and reading
//
// [Validate] and [ValidateBytes] report whether a payload can be accepted, and why not
// ([Report.Err]). [Reader.Next] and [Reader.All] yield the entries as they are
// read, and [AppendLine] turns each into a line of NDJSON. [ResumeReader] continues at a
// stored [Position]. [NewOutcome] makes an OperationOutcome from the findings.
// [CheckJSON] checks any JSON value. [Links] and [AppendResolved] replace the references
// between the entries of a Bundle, for example by the ids that a server has assigned.
//
// An NDJSON file that was truncated at the end of a line looks complete. A caller that
// knows the length can compare it with [Report.Bytes]. An error of the source is never
// treated as the end of the payload.
//
// # Memory
//
// A [Reader] holds its read buffer, the entry that it is reading, at most
// [Options.MaxEntryBytes], and the member names of open objects, whose number is bounded
// by the same option. Whatever has to be compared between entries (fullUrls, the
// resources that a transaction changes, references) is kept as hashes of 16 bytes; the
// type, id and version of each line of NDJSON are kept as they are. Together they take at
// most [Options.MaxIndexBytes]: a transaction of a million entries takes some 100 MB, and
// so do a million lines. Once an entry or a line does not fit, not-checked is reported. Nothing else grows with the number of entries, and reading an entry without
// findings allocates nothing. What [Reader.Next] returns aliases the reader's buffer and
// is overwritten by the next call.
//
// # Time
//
// Reading takes linear time, whatever the payload. An object with many members keeps
// their names in a hash table with a random seed, and so do the indexes that entries are
// compared by. Bundles and Parameters inside one another are read once for each level, up
// to a depth of 4; anything deeper is reported as not-checked.
//
// # Privacy
//
// Payloads are health records. No error, issue or path made here holds a value or a
// property name of the document. It gives the rule and the entry, line and byte offset.
// Two messages quote a resourceType or a Bundle type, if some version of FHIR defines it;
// [OtherType] stands for all other types.
package fhirbundle
