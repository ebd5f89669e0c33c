package fhirbundle

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// ErrOptions is matched, with errors.Is, by the error for invalid [Options]. The error
// names the field, its value and the allowed values.
var ErrOptions = errors.New("fhirbundle: invalid options")

// Format is the layout of a payload.
type Format string

const (
	// FormatBundle is one FHIR Bundle in FHIR's JSON format.
	FormatBundle Format = "bundle"
	// FormatNDJSON is one resource per line. Lines end with LF or CRLF, which the last
	// line may lack. Blank lines are skipped and counted.
	FormatNDJSON Format = "ndjson"
	// FormatResource is one resource of any type in FHIR's JSON format. It is held in
	// memory, limited by [Options.MaxEntryBytes]. If it is a Bundle, it is checked like a
	// Bundle inside another resource.
	FormatResource Format = "resource"
)

// Level is the severity of findings that are not always errors.
type Level string

const (
	// LevelLenient reports findings as warnings. It is the default.
	LevelLenient Level = "lenient"
	// LevelStrict reports findings as errors.
	LevelStrict Level = "strict"
	// LevelBasic checks only the rules that are always errors, see [Rule.Always], even if
	// [Options.Severities] names others. Use it to read a payload that was checked before.
	LevelBasic Level = "basic"
)

// Defaults of [Options].
const (
	DefaultMaxDepth      = 64
	DefaultMaxEntryBytes = 64 << 20
	DefaultMaxIssues     = 100
	DefaultMaxIndexBytes = 128 << 20
)

// Options changes how a payload is read. A nil pointer and zero fields mean the
// defaults. Invalid options (a Format, Level or Version that is not one of the
// constants, a limit that is negative or above its maximum, an unknown code or type) are
// an error of every function that takes them, which matches [ErrOptions]. Options are
// only read: readers that run at the same time can share them as long as nobody changes
// them.
type Options struct {
	// Format of the payload. Default FormatBundle.
	Format Format
	// Level of the findings. Default LevelLenient.
	Level Level
	// Version of FHIR. Default R4. [VersionOf] reads it from a media type.
	Version Version
	// Severities sets the severity of findings by the code of their rule (see [Rules]),
	// regardless of Level. [SeverityNone] turns the rule off. Rules that are [Rule.Fixed]
	// can't be changed.
	Severities map[string]Severity
	// Types are the Bundle types that are accepted. Default: all that the version
	// of FHIR defines.
	Types []string
	// RequireEntries makes a Bundle without entries an error (bundle-no-entries).
	// Default false, because FHIR allows it. A Bundle inside a resource may always be
	// empty.
	RequireEntries bool
	// MaxDepth is how deep objects and arrays may nest; the outermost counts as 1.
	// Default 64, at most 100,000. Each level takes 16 bytes of memory.
	MaxDepth int
	// MaxStringBytes limits one string, in bytes as written in the document.
	// Default: MaxEntryBytes, at most 2 GiB - 1.
	MaxStringBytes int
	// MaxEntryBytes limits one Bundle entry, one NDJSON line, and every other member of
	// the Bundle, in bytes. It also limits the reader's memory, and the number of members
	// in all open objects: one per 64 bytes, but at least 65,536. Default 64 MiB, at most
	// 2 GiB - 1.
	MaxEntryBytes int
	// MaxIssues limits the issues that a report lists; [Report.MoreIssues] counts the
	// others. Default 100.
	MaxIssues int
	// MaxIndexBytes limits the memory for comparing the entries of a Bundle or the lines
	// of NDJSON: fullUrls, the resources that a transaction changes, references to other
	// entries, and the ids of lines. Each takes about 32 bytes, and the id of a line its
	// length as well. If the limit is reached, not-checked is reported. Default 128 MiB,
	// enough for a transaction of a million entries, or a million lines.
	MaxIndexBytes int
}

// Position is a boundary between two entries or lines at which reading can resume: after
// an entry's closing brace, or after the end of a line. The zero Position is the start
// of the document. It is plain data, and can be stored.
type Position struct {
	// Offset in bytes from the start of the document.
	Offset int64 `json:"offset"`
	// Entries read before Offset: entries of the Bundle, or lines that were not
	// blank.
	Entries int64 `json:"entries"`
	// Lines is the number of line feeds before Offset.
	Lines int64 `json:"lines"`
}

// options is Options with the defaults filled in.
type options struct {
	format      Format
	strict      bool
	basic       bool
	types       []string // empty: every type that the version defines
	needEntries bool
	maxDepth    int
	maxString   int
	maxEntry    int
	maxIssues   int
	maxIndex    int
	version     Version
	changed     map[string]Severity
	nesting     int // Bundles around this one
}

// Maxima of [Options]. Positions in a value are stored in 31 bits.
const (
	maxInt31   = 1<<31 - 1
	limitDepth = 100_000
)

// Check returns the error that functions return for these options, or nil if they are
// valid. A program that is configured from outside can call it at its start.
func (o *Options) Check() error {
	_, err := o.resolve()
	return err
}

// resolve checks the options and fills in the defaults.
func (o *Options) resolve() (options, error) {
	if o == nil {
		return defaults, nil
	}
	r := defaults
	switch o.Format {
	case "", FormatBundle:
	case FormatNDJSON, FormatResource:
		r.format = o.Format
	default:
		return r, optionError("Format", strconv.Quote(string(o.Format)), oneOf(FormatBundle, FormatNDJSON, FormatResource))
	}
	switch o.Level {
	case "", LevelLenient:
	case LevelStrict:
		r.strict = true
	case LevelBasic:
		r.basic = true
	default:
		return r, optionError("Level", strconv.Quote(string(o.Level)), oneOf(LevelLenient, LevelStrict, LevelBasic))
	}
	switch o.Version {
	case "":
	case R4, R4B, R5:
		r.version = o.Version
	default:
		return r, optionError("Version", strconv.Quote(string(o.Version)), oneOf(R4, R4B, R5))
	}
	var bad error
	limit := func(field string, value, otherwise, most int) int {
		if value < 0 || value > most {
			bad = optionError(field, strconv.Itoa(value), "0 (the default) to "+strconv.Itoa(most))
		}
		return cmp.Or(value, otherwise)
	}
	r.maxDepth = limit("MaxDepth", o.MaxDepth, DefaultMaxDepth, limitDepth)
	r.maxEntry = limit("MaxEntryBytes", o.MaxEntryBytes, DefaultMaxEntryBytes, maxInt31)
	r.maxString = limit("MaxStringBytes", o.MaxStringBytes, r.maxEntry, maxInt31)
	r.maxIssues = limit("MaxIssues", o.MaxIssues, DefaultMaxIssues, maxInt31)
	r.maxIndex = limit("MaxIndexBytes", o.MaxIndexBytes, DefaultMaxIndexBytes, math.MaxInt)
	if bad != nil {
		return r, bad
	}
	for _, t := range o.Types {
		if knownType([]byte(t)) == "" {
			return r, optionError("Types", strconv.Quote(t), oneOf(bundleTypes[:]...))
		}
	}
	r.types, r.needEntries = o.Types, o.RequireEntries
	for code, severity := range o.Severities {
		switch i := ruleIndex(code); {
		case i == 0:
			return r, optionError("Severities", strconv.Quote(code), "the code of one of Rules()")
		case severity != SeverityError && severity != SeverityWarning && severity != SeverityInformation && severity != SeverityNone:
			return r, optionError("Severities["+code+"]", strconv.Quote(string(severity)), oneOf(SeverityError, SeverityWarning, SeverityInformation, SeverityNone))
		case rules[i].Fixed && severity != SeverityError:
			return r, optionError("Severities["+code+"]", strconv.Quote(string(severity)), "error: nothing can be read after what breaks this rule")
		}
	}
	r.changed = o.Severities
	return r, nil
}

// defaults are what a nil *Options means.
var defaults = options{
	format:    FormatBundle,
	maxDepth:  DefaultMaxDepth,
	maxString: DefaultMaxEntryBytes,
	maxEntry:  DefaultMaxEntryBytes,
	maxIssues: DefaultMaxIssues,
	maxIndex:  DefaultMaxIndexBytes,
	version:   R4,
}

func optionError(field, value, allowed string) error {
	return fmt.Errorf("%w: %s is %s; allowed is %s", ErrOptions, field, value, allowed)
}

// oneOf lists the allowed values.
func oneOf[T ~string](values ...T) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i > 0 && i == len(values)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}

// maxNames is how many members all open objects may have together. A name takes about 50
// bytes of memory, which this limits to about the size of an entry.
func (o *options) maxNames() int { return max(o.maxEntry/64, 1<<16) }

// limits returns the limits of the scanner.
func (o *options) limits() scan.Limits {
	return scan.Limits{Depth: o.maxDepth, String: o.maxString, Names: o.maxNames(), Findings: o.maxIssues}
}
