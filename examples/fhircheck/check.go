package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/fhirdock/fhirdock/examples/internal/outcome"
	"github.com/fhirdock/fhirdock/examples/internal/payloadfiles"
	"github.com/fhirdock/fhirdock/examples/internal/sniff"
	"github.com/fhirdock/fhirdock/examples/internal/terminal"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// checker checks payloads one after another.
type checker struct {
	*config
	progress *terminal.Progress
	head     *bufio.Reader // to look at a payload's start
}

// result is the outcome of a payload.
type result struct {
	name     string
	findings []finding // in the payload's order
	report   *fhirbundle.Report
	zipped   bool
	// err is why the payload could not be read to its end. The findings are those before
	// it.
	err  error
	hint string // what else the payload may be; empty with err
}

// finding is an issue and its column, 0 if unknown.
type finding = outcome.Finding

// check reads a payload and returns its findings.
func (c *checker) check(f *payloadfiles.File) *result {
	r := &result{name: f.Name, report: &fhirbundle.Report{}}
	content, err := f.Open(c.progress)
	if err != nil {
		r.err = err
		return r
	}
	defer content.Close()
	r.zipped = content.Zipped
	c.validate(r, content)
	if err := content.Verify(); err != nil && r.err == nil {
		r.err, r.hint = err, ""
	}
	if errors.Is(r.err, payloadfiles.ErrCorrupt) {
		r.report = &fhirbundle.Report{} // its findings may be those of the damage
	}
	for _, is := range r.report.Issues {
		r.findings = append(r.findings, finding{Issue: is})
	}
	slices.SortStableFunc(r.findings, func(a, b finding) int { return cmp.Compare(a.Offset, b.Offset) })
	var offsets []int64
	for _, f := range r.findings {
		offsets = append(offsets, f.Offset)
	}
	for i, column := range content.Columns(offsets) {
		r.findings[i].Column = column
	}
	return r
}

// validate fills in the report and, if useful, the hint.
func (c *checker) validate(r *result, content io.Reader) {
	c.head.Reset(content)
	head, _ := c.head.Peek(sniff.HeadBytes) // the next read returns an error again
	guess := sniff.Of(r.name, head)
	o := c.options
	o.Format = cmp.Or(c.format, guess.Format)
	r.report, r.err = fhirbundle.Validate(c.head, &o)
	if inner := errors.Unwrap(r.err); inner != nil {
		r.err = inner // the source's error, without fhirbundle's words around it
	}
	switch {
	case r.err != nil:
	case r.report.Err() == nil && r.report.Rejected == 0:
	case guess.Foreign != "":
		r.hint = "this looks like " + guess.Foreign
	case o.Format == fhirbundle.FormatBundle && guess.Content == fhirbundle.FormatNDJSON:
		r.hint = "this looks like NDJSON, and was read as a Bundle: -format ndjson reads it line by line"
	}
}

// remark returns a message about the payload other than findings, "" if none.
func (r *result) remark() string {
	if r.err != nil {
		return r.err.Error()
	}
	return r.hint
}

// unlisted reports how many findings are not listed, "" if none.
func (r *result) unlisted() string {
	switch n := r.report.MoreIssues; n {
	case 0:
		return ""
	case 1:
		return "1 more finding is not listed; see -max-issues"
	default:
		return fmt.Sprintf("%d more findings are not listed; see -max-issues", n)
	}
}
