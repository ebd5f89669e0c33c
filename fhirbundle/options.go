package fhirbundle

import "slices"

// Format is how resources are laid out in a payload.
type Format string

const (
	// Bundle is one FHIR Bundle in FHIR's JSON format.
	Bundle Format = "bundle"
	// NDJSON is one resource a line; lines end with LF or CRLF, the last one
	// may lack its end, and blank lines are skipped and counted.
	NDJSON Format = "ndjson"
)

// Level says what becomes of a finding that is not always an error.
type Level string

const (
	// Lenient reports findings as warnings. It is the default.
	Lenient Level = "lenient"
	// Strict reports findings as errors.
	Strict Level = "strict"
	// Basic looks for nothing but what is always an error, see [Rule.Always]: for
	// who only wants the entries of a payload, or has judged it before. Rules that
	// [Options.Severities] names are not looked for either.
	Basic Level = "basic"
)

// Defaults of [Options].
const (
	DefaultMaxDepth       = 64
	DefaultMaxStringBytes = 32 << 20
	DefaultMaxEntryBytes  = 64 << 20
	DefaultMaxIssues      = 100
	DefaultMaxIndexBytes  = 128 << 20
)

// DefaultTypes are the Bundle types taken where [Options.Types] is nil.
func DefaultTypes() []string { return slices.Clone(defaultTypes) }

var defaultTypes = []string{"transaction", "batch", "collection", "message"}

// Options changes how a payload is read. The zero value, and a nil pointer,
// mean the defaults, and so does a limit that is not positive. A Format, Level or
// Version that is none of the constants counts as the default.
type Options struct {
	// Format of the payload. Default Bundle.
	Format Format
	// Level of the findings. Default Lenient.
	Level Level
	// Version of FHIR. Default R4. See [VersionOf] for what a request says.
	Version Version
	// Severities changes what becomes of findings, by the code of their rule,
	// whatever the level: [Error], [Warning], [Information], or [None], which
	// keeps the rule silent. What breaks JSON, and with it reading, stays an
	// error. Codes that no rule has, see [Rules], are left alone. The map must
	// not be changed while a reader that was made with it is in use.
	Severities map[string]Severity
	// Types are the Bundle types that are accepted. Default [DefaultTypes].
	// An empty slice that is not nil accepts every type that FHIR defines.
	Types []string
	// MaxDepth is how deep objects and arrays may nest, the outermost counted
	// as 1. Default 64, at most 100,000. A level takes 16 bytes of memory.
	MaxDepth int
	// MaxStringBytes bounds one string, in bytes as written in the document.
	// Default 32 MiB, at most 2 GiB - 1.
	MaxStringBytes int
	// MaxEntryBytes bounds one Bundle entry, one NDJSON line, and every other
	// member of the Bundle, in bytes. It also bounds the reader's memory, and
	// with it the members that all objects open at a time may have, to one for
	// each 64 bytes (but at least 65,536). Default 64 MiB, at most 2 GiB - 1.
	MaxEntryBytes int
	// MaxIssues bounds the issues that a report lists; the others are counted
	// in [Report.MoreIssues]. Default 100.
	MaxIssues int
	// MaxIndexBytes bounds the memory for what has to be compared between the
	// entries of a Bundle: their fullUrls, the resources that a transaction
	// changes, and references to other entries. An entry takes about 32 bytes
	// for each of these. What finds no room is reported as not-checked.
	// Default 128 MiB, enough for a transaction of a million entries.
	MaxIndexBytes int
}

// Position is a boundary between two entries or lines at which reading can
// start again: just behind an entry's closing brace, or behind a line's end.
// The zero Position is the start of the document. It is plain data, meant to
// be stored.
type Position struct {
	// Offset in bytes from the start of the document.
	Offset int64 `json:"offset"`
	// Entries read before Offset: entries of the Bundle, or lines that were not
	// blank.
	Entries int64 `json:"entries"`
	// Lines is the number of line feeds before Offset.
	Lines int64 `json:"lines"`
}

// options are Options with the defaults filled in.
type options struct {
	format    Format
	strict    bool
	basic     bool
	types     []string // nil: every type that FHIR defines
	maxDepth  int
	maxString int
	maxEntry  int
	maxIssues int
	maxIndex  int
	version   Version
	changed   map[string]Severity
	nesting   int // Bundles around this one
}

// maxInt31 is the highest limit in bytes that can be set.
const maxInt31 = 1<<31 - 1

func (o *Options) resolve() options {
	if o == nil {
		o = &Options{}
	}
	r := options{
		format:    Bundle,
		strict:    o.Level == Strict,
		basic:     o.Level == Basic,
		types:     o.Types,
		maxDepth:  min(limit(o.MaxDepth, DefaultMaxDepth), 100_000),
		maxString: limit(o.MaxStringBytes, DefaultMaxStringBytes),
		maxEntry:  limit(o.MaxEntryBytes, DefaultMaxEntryBytes),
		maxIssues: limit(o.MaxIssues, DefaultMaxIssues),
		maxIndex:  limit(o.MaxIndexBytes, DefaultMaxIndexBytes),
		version:   R4,
		changed:   o.Severities,
	}
	if o.Version == R4B || o.Version == R5 {
		r.version = o.Version
	}
	if o.Format == NDJSON {
		r.format = NDJSON
	}
	if r.types == nil {
		r.types = defaultTypes
	}
	return r
}

func limit(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return min(n, maxInt31)
}

// maxNames is how many members all objects that are open at once may have: a
// name takes some 50 bytes of memory, which bounds them by what an entry may
// take.
func (o *options) maxNames() int { return max(o.maxEntry/64, 1<<16) }
