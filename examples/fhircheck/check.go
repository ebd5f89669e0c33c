package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// checker checks payloads one after another.
type checker struct {
	c        *config
	progress *progress
	head     *bufio.Reader // to look at a payload's start
}

func newChecker(c *config, p *progress) *checker {
	return &checker{c: c, progress: p, head: bufio.NewReaderSize(nil, sniffBytes)}
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
	hint string // what else the payload may be
}

// finding is an issue and its column, 0 if unknown.
type finding struct {
	fhirbundle.Issue
	column int64
}

// check reads a payload and returns its findings.
func (c *checker) check(in *input) *result {
	r := &result{name: in.name, report: &fhirbundle.Report{}, err: in.err}
	if r.err != nil {
		return r
	}
	src, err := in.open()
	if err != nil {
		r.err = reason(err)
		return r
	}
	defer src.Close()
	var content io.Reader
	content, r.zipped = decompress(&counted{src, c.progress})
	stored := content
	var kept *keeper
	if !in.again {
		kept = &keeper{src: content}
		content = kept
	}
	c.validate(r, content)
	if r.zipped {
		verify(r, stored)
	}
	for _, is := range r.report.Issues {
		r.findings = append(r.findings, finding{Issue: is})
	}
	slices.SortStableFunc(r.findings, func(a, b finding) int { return cmp.Compare(a.Offset, b.Offset) })
	c.locate(r, in, kept)
	return r
}

// validate fills in the report and, if useful, the hint.
func (c *checker) validate(r *result, content io.Reader) {
	c.head.Reset(content)
	head, _ := c.head.Peek(sniffBytes) // the next read returns an error again
	sniffed, other := sniff(head), foreign(head)
	o := c.c.options
	o.Format = c.c.format
	if o.Format == "" {
		named, ok := formatOf(r.name)
		if o.Format = named; !ok || named == fhirbundle.FormatBundle && sniffed == fhirbundle.FormatResource {
			o.Format = sniffed
		}
	}
	rep, err := fhirbundle.Validate(c.head, &o)
	r.report = rep
	if err != nil {
		r.err = readError(err)
	}
	switch bad := rep.Err() != nil || rep.Rejected > 0; {
	case !bad || r.err != nil:
	case other != "":
		r.hint = other
	case o.Format == fhirbundle.FormatBundle && sniffed == fhirbundle.FormatNDJSON:
		r.hint = "this looks like NDJSON, and was read as a Bundle: -format ndjson reads it line by line"
	}
}

// verify reads compressed content to its end, where gzip's checksum is. A wrong checksum
// replaces any findings.
func verify(r *result, content io.Reader) {
	if _, err := io.Copy(io.Discard, content); err != nil && r.err == nil {
		r.err, r.hint = err, ""
	}
	if errors.Is(r.err, errGzipCorrupt) {
		*r = result{name: r.name, report: &fhirbundle.Report{}, err: r.err}
	}
}

// readError returns the source's error, without fhirbundle's words around it.
func readError(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return reason(err)
}

// locate fills in the columns of the findings.
func (c *checker) locate(r *result, in *input, kept *keeper) {
	if len(r.findings) == 0 {
		return
	}
	var content io.Reader
	switch {
	case kept == nil:
		src, err := in.open()
		if err != nil {
			return // the file is gone; the lines are known
		}
		defer src.Close()
		content, _ = decompress(src)
	case kept.over:
		return
	default:
		content = &kept.kept
	}
	offsets := make([]int64, len(r.findings))
	for i := range r.findings {
		offsets[i] = r.findings[i].Offset
	}
	for i, col := range columns(content, offsets) {
		r.findings[i].column = col
	}
}

// remarks returns messages about a payload other than findings.
func (r *result) remarks() []string {
	var all []string
	if r.err != nil {
		all = append(all, r.err.Error())
	}
	if r.hint != "" {
		all = append(all, r.hint)
	}
	return all
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
