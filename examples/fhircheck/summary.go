package main

import (
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/terminal"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// totals counts all payloads.
type totals struct {
	began      time.Time
	files      int64 // read to the end
	unreadable int64
	skipped    int64
	resources  int64
	bytes      int64 // of the content
	found      map[fhirbundle.Severity]int64
	unlisted   int64
	bad        bool // a payload has errors, listed or not
}

func (t *totals) add(r *result) {
	if r.err != nil {
		t.unreadable++
	} else {
		t.files++
	}
	t.resources += r.report.Resources
	t.bytes += r.report.Bytes
	if t.found == nil {
		t.found = map[fhirbundle.Severity]int64{}
	}
	for _, f := range r.findings {
		t.found[f.Severity]++
	}
	t.unlisted += r.report.MoreIssues
	t.bad = t.bad || r.report.Rejected > 0 || r.report.Err() != nil
}

func (t *totals) exit() int {
	switch {
	case t.unreadable > 0:
		return exitFailed
	case t.bad || t.found[fhirbundle.SeverityError] > 0:
		return exitErrors
	}
	return exitFine
}

// text returns the summary, one line.
func (t *totals) text() string {
	parts := []string{terminal.Count(t.files, "file") + " checked"}
	if t.unreadable > 0 {
		parts = append(parts, humanize.Comma(t.unreadable)+" could not be read")
	}
	if t.skipped > 0 {
		parts = append(parts, humanize.Comma(t.skipped)+" skipped for their names")
	}
	parts = append(parts, terminal.Count(t.resources, "resource"), humanize.Bytes(uint64(t.bytes)))
	parts = append(parts, terminal.Count(t.found[fhirbundle.SeverityError], "error"), terminal.Count(t.found[fhirbundle.SeverityWarning], "warning"))
	if n := t.found[fhirbundle.SeverityInformation]; n > 0 {
		parts = append(parts, humanize.Comma(n)+" for information")
	}
	if t.unlisted > 0 {
		parts = append(parts, humanize.Comma(t.unlisted)+" not listed")
	}
	if t.bytes >= 1e6 { // less is meaningless
		parts = append(parts, terminal.Rate(t.bytes, time.Since(t.began)))
	}
	return strings.Join(parts, ", ")
}
