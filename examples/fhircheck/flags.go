package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

const intro = `fhircheck: says what is wrong with FHIR Bundles, NDJSON files and single resources
before they are sent: JSON and its FHIR form, Bundles, transactions, references.
It does not judge what takes the definitions of elements (cardinality, data types,
codes), profiles or terminology. Nothing leaves this machine, and no value of a
payload is printed.

Usage: fhircheck [flags] FILE|FOLDER|- ...
       fhircheck -version

Folders are searched for .json (a Bundle, or a single resource), .ndjson and .jsonl
files, each with or without .gz; links to folders are not followed. - is the standard
input. Gzip is recognized by its content. Payloads of any size are read in bounded
memory.

A finding is a line FILE:LINE:COLUMN: SEVERITY CODE MESSAGE (PATH). Columns count
characters from 1, as editors do; of what can't be read twice, such as the
standard input, they are known up to 32 MiB. In compressed files, places are
those of the content. The exit code is 0 if there are no errors (warnings may
be), 1 if there are, and 2 if a flag is wrong or a file could not be read.
`

// config is what the flags say, checked. Format in options is set for each file.
type config struct {
	options fhirbundle.Options
	format  fhirbundle.Format // empty: by name and content
	output  string
	quiet   bool
	verbose bool
	rules   bool
}

// bundleTypes are those that FHIR defines, R4 to R5.
var bundleTypes = []string{
	"document", "message", "transaction", "transaction-response", "batch", "batch-response", "history",
	"searchset", "collection", "subscription-notification",
}

// flags defines the flags; the returned function checks them once they are
// parsed.
func flags() (*envflag.Set, func() (*config, error)) {
	s := envflag.New("fhircheck", "FHIRDOCK_FHIRCHECK_", intro)
	c := &config{}

	s.Group("What is checked")
	strict := s.Bool("strict", false, "findings of FHIR's rules are errors, not warnings")
	version := s.String("version", "R4", "`VERSION`: of FHIR: R4, R4B or R5; as the last argument, -version prints that of\nfhircheck")
	types := s.Strings("types", nil, "`TYPE,...`: Bundle types that are accepted, such as transaction,batch\n(default: all that FHIR defines)")
	severity := s.Strings("severity", nil, "`CODE=SEVERITY`: makes a rule an error, warning or information, or none to keep it\nsilent; repeatable. What breaks JSON stays an error. In the variable, several\nhave commas between them")
	format := s.String("format", "auto", "`FORMAT`: bundle, ndjson, resource (a single one), or auto: by a file's name and\ncontent")

	s.Group("What is printed")
	s.StringVar(&c.output, "o", "text", "`FORM`: text, outcome (a line of JSON for each file: an OperationOutcome) or sarif\n(SARIF 2.1.0)")
	s.IntVar(&c.options.MaxIssues, "max-issues", fhirbundle.DefaultMaxIssues, "`N`: how many findings of one file are listed; more are counted")
	s.BoolVar(&c.quiet, "q", false, "no summary and no progress on stderr")
	s.BoolVar(&c.verbose, "v", false, "name the files of folders that are skipped, on stderr")
	s.BoolVar(&c.rules, "rules", false, "print the rules with their codes, and check nothing")

	return s, func() (*config, error) {
		if *strict {
			c.options.Level = fhirbundle.LevelStrict
		}
		var errs []error
		c.options.Version = fhirbundle.Version(strings.ToUpper(*version))
		if !slices.Contains([]fhirbundle.Version{fhirbundle.R4, fhirbundle.R4B, fhirbundle.R5}, c.options.Version) {
			errs = append(errs, errors.New("-version must be R4, R4B or R5"))
		}
		var err error
		if c.options.Types, err = parseTypes(*types); err != nil {
			errs = append(errs, err)
		}
		if c.options.Severities, err = parseSeverities(*severity); err != nil {
			errs = append(errs, err)
		}
		switch c.format = fhirbundle.Format(*format); c.format {
		case "auto":
			c.format = ""
		case fhirbundle.FormatBundle, fhirbundle.FormatNDJSON, fhirbundle.FormatResource:
		default:
			errs = append(errs, errors.New("-format must be auto, bundle, ndjson or resource"))
		}
		if !slices.Contains([]string{"text", "outcome", "sarif"}, c.output) {
			errs = append(errs, errors.New("-o must be text, outcome or sarif"))
		}
		if c.options.MaxIssues < 1 {
			errs = append(errs, errors.New("-max-issues must be more than zero"))
		}
		return c, errors.Join(errs...)
	}
}

// parseTypes returns nil for nothing, which accepts all types.
func parseTypes(values []string) ([]string, error) {
	var types []string
	for typ := range strings.SplitSeq(strings.Join(values, ","), ",") {
		typ = strings.TrimSpace(typ)
		switch {
		case typ == "":
		case slices.Contains(bundleTypes, typ):
			types = append(types, typ)
		default:
			return nil, fmt.Errorf("-types: %q is no type of Bundle; there are %s", typ, strings.Join(bundleTypes, ", "))
		}
	}
	return types, nil
}

func parseSeverities(values []string) (map[string]fhirbundle.Severity, error) {
	known, fixed := map[string]bool{}, map[string]bool{}
	for _, r := range fhirbundle.Rules() {
		known[r.Code], fixed[r.Code] = true, r.Fixed
	}
	severities := map[string]fhirbundle.Severity{}
	for _, v := range values {
		code, word, ok := strings.Cut(v, "=")
		s := fhirbundle.Severity(strings.ToLower(word))
		switch s {
		case fhirbundle.SeverityError, fhirbundle.SeverityWarning, fhirbundle.SeverityInformation, fhirbundle.SeverityNone:
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("-severity: %q is not CODE=error, warning, information or none", v)
		}
		if !known[code] {
			return nil, fmt.Errorf("-severity: there is no rule with the code %q; fhircheck -rules lists them", code)
		}
		if fixed[code] {
			return nil, fmt.Errorf("-severity: %s is always an error", code)
		}
		severities[code] = s
	}
	return severities, nil
}
