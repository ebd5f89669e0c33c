package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

const intro = `fhircheck: finds errors in FHIR Bundles, NDJSON files and single resources
before they are sent: JSON and its FHIR form, Bundles, transactions, references.
It does not check cardinality, data types, codes, profiles or terminology.
Nothing leaves this machine, and no value of a payload is printed.

Usage: fhircheck [flags] FILE|FOLDER|- ...
       fhircheck -version

Folders are searched for .json (a Bundle, or a single resource), .ndjson and .jsonl
files, each with or without .gz; links to folders are not followed. - is the standard
input. Gzip is recognized by its content. Payloads of any size are read in bounded
memory.

A finding is a line FILE:LINE:COLUMN: SEVERITY CODE MESSAGE (PATH). Columns count
characters from 1, as editors do. They are omitted for input above 32 MiB that
can't be read twice, such as the standard input. Places in compressed files are
those of the content. The exit code is 0 if there are no errors (warnings are
allowed), 1 if there are, and 2 if a flag is wrong or a file could not be read.
`

// config holds the checked flags. options.Format is set for each file.
type config struct {
	options fhirbundle.Options
	format  fhirbundle.Format // empty: detect by name and content
	output  string
	quiet   bool
	verbose bool
	rules   bool
}

// bundleTypes are the Bundle types that FHIR R4 to R5 defines.
var bundleTypes = []string{
	"document", "message", "transaction", "transaction-response", "batch", "batch-response", "history",
	"searchset", "collection", "subscription-notification",
}

// flags defines the flags. The returned function checks them after parsing.
func flags() (*envflag.Set, func() (*config, error)) {
	s := envflag.New("fhircheck", "FHIRDOCK_FHIRCHECK_", intro)
	c := &config{}

	s.Group("What is checked")
	strict := s.Bool("strict", false, "violations of FHIR's rules are errors, not warnings")
	version := s.String("version", "R4", "`VERSION`: of FHIR: R4, R4B or R5; as the last argument, -version prints\nfhircheck's own version")
	types := s.Strings("types", nil, "`TYPE,...`: accepted Bundle types, such as transaction,batch\n(default: all that FHIR defines)")
	severity := s.Strings("severity", nil, "`CODE=SEVERITY`: makes a rule an error, warning or information, or none to turn it\noff; repeatable. Invalid JSON is always an error. In the variable, separate\nseveral with commas")
	format := s.String("format", "auto", "`FORMAT`: bundle, ndjson, resource (a single one), or auto: detect by name and\ncontent")

	s.Group("What is printed")
	s.StringVar(&c.output, "o", "text", "`FORM`: text, outcome (a line of JSON for each file: an OperationOutcome) or sarif\n(SARIF 2.1.0)")
	s.IntVar(&c.options.MaxIssues, "max-issues", fhirbundle.DefaultMaxIssues, "`N`: maximum number of findings listed for each file; others are only counted")
	s.BoolVar(&c.quiet, "q", false, "no summary and no progress on stderr")
	s.BoolVar(&c.verbose, "v", false, "name skipped files in folders, on stderr")
	s.BoolVar(&c.rules, "rules", false, "print the rules with their codes, without checking anything")

	return s, func() (*config, error) {
		if *strict {
			c.options.Level = fhirbundle.LevelStrict
		}
		var errs []error
		check := func(ok bool, rule string) {
			if !ok {
				errs = append(errs, errors.New(rule))
			}
		}
		c.options.Version = fhirbundle.Version(strings.ToUpper(*version))
		check(slices.Contains([]fhirbundle.Version{fhirbundle.R4, fhirbundle.R4B, fhirbundle.R5}, c.options.Version), "-version must be R4, R4B or R5")
		var err error
		c.options.Types, err = parseTypes(*types)
		errs = append(errs, err)
		c.options.Severities, err = parseSeverities(*severity)
		errs = append(errs, err)
		check(slices.Contains([]string{"auto", "bundle", "ndjson", "resource"}, *format), "-format must be auto, bundle, ndjson or resource")
		if *format != "auto" {
			c.format = fhirbundle.Format(*format)
		}
		check(slices.Contains([]string{"text", "outcome", "sarif"}, c.output), "-o must be text, outcome or sarif")
		check(c.options.MaxIssues > 0, "-max-issues must be more than zero")
		check(c.options.MaxIssues <= math.MaxInt32, "-max-issues must be at most 2147483647")
		return c, errors.Join(errs...)
	}
}

// parseTypes returns nil, which accepts all types, if values is empty.
func parseTypes(values []string) ([]string, error) {
	var types []string
	for typ := range strings.SplitSeq(strings.Join(values, ","), ",") {
		typ = strings.TrimSpace(typ)
		switch {
		case typ == "":
		case slices.Contains(bundleTypes, typ):
			types = append(types, typ)
		default:
			return nil, fmt.Errorf("-types: %q is not a Bundle type; known are %s", typ, strings.Join(bundleTypes, ", "))
		}
	}
	return types, nil
}

func parseSeverities(values []string) (map[string]fhirbundle.Severity, error) {
	allowed := []fhirbundle.Severity{fhirbundle.SeverityError, fhirbundle.SeverityWarning, fhirbundle.SeverityInformation, fhirbundle.SeverityNone}
	rules := fhirbundle.Rules()
	severities := map[string]fhirbundle.Severity{}
	for _, v := range values {
		code, word, _ := strings.Cut(v, "=")
		s := fhirbundle.Severity(strings.ToLower(word))
		i := slices.IndexFunc(rules, func(r fhirbundle.Rule) bool { return r.Code == code })
		switch {
		case !slices.Contains(allowed, s):
			return nil, fmt.Errorf("-severity: %q is not CODE=error, warning, information or none", v)
		case i < 0:
			return nil, fmt.Errorf("-severity: there is no rule with the code %q; fhircheck -rules lists them", code)
		case rules[i].Fixed:
			return nil, fmt.Errorf("-severity: %s is always an error", code)
		}
		severities[code] = s
	}
	return severities, nil
}
