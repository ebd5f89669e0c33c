package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/outcome"
	"github.com/fhirdock/fhirdock/examples/internal/sarif"
	"github.com/fhirdock/fhirdock/examples/internal/terminal"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// printer writes findings in one of the forms of -o. It writes a payload's findings before
// the next payload is read.
type printer interface {
	print(r *result) error
	end() error
}

func newPrinter(c *config, out io.Writer) printer {
	switch c.output {
	case "outcome":
		return &outcomes{out: out}
	case "sarif":
		return newSARIF(out, c.options.Level)
	}
	return &lines{out: out}
}

// lines prints a line for each finding.
type lines struct {
	out io.Writer
}

func (l *lines) print(r *result) error {
	var b strings.Builder
	name := terminal.Printable(r.name)
	for _, f := range r.findings {
		b.WriteString(name)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
			if f.Column > 0 {
				fmt.Fprintf(&b, ":%d", f.Column)
			}
		}
		fmt.Fprintf(&b, ": %s %s %s", f.Severity, f.Code, f.Message)
		if f.Path != "" {
			fmt.Fprintf(&b, " (%s)", f.Path)
		}
		b.WriteByte('\n')
	}
	if more := r.unlisted(); more != "" {
		fmt.Fprintf(&b, "%s: %s\n", name, more)
	}
	_, err := io.WriteString(l.out, b.String())
	return err
}

func (l *lines) end() error { return nil }

// outcomes prints an OperationOutcome for each payload, one a line, so that one payload
// gives a document and several give NDJSON.
type outcomes struct {
	out io.Writer
}

func (p *outcomes) print(r *result) error {
	all := r.findings
	if more := r.unlisted(); more != "" {
		all = append(all, finding{Issue: fhirbundle.Issue{Code: "informational", Severity: fhirbundle.SeverityInformation, Message: more}})
	}
	if r.err != nil {
		all = append(all, finding{Issue: fhirbundle.Issue{Code: "exception", Severity: "fatal", Message: r.err.Error()}})
	}
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(outcome.New(r.name, all))
}

func (p *outcomes) end() error { return nil }

// sarifLog prints a SARIF log. Files that could not be read are notifications in it.
type sarifLog struct {
	w *sarif.Writer
}

func newSARIF(out io.Writer, level fhirbundle.Level) *sarifLog {
	tool := sarif.Tool{Name: "fhircheck", InformationURI: "https://github.com/fhirdock/fhirdock"}
	for _, r := range fhirbundle.Rules() {
		tool.Rules = append(tool.Rules, sarif.Rule{
			ID: r.Code, ShortDescription: sarif.Text{Text: r.Message}, HelpURI: r.Spec,
			DefaultConfiguration: sarif.Configuration{Level: sarifLevel(r.Severity(level))},
		})
	}
	return &sarifLog{sarif.NewWriter(out, tool)}
}

func (l *sarifLog) print(r *result) error {
	var findings []sarif.Finding
	for _, f := range r.findings {
		offset := f.Offset
		if r.zipped {
			offset = -1 // it is not one in the file
		}
		findings = append(findings, sarif.Finding{
			Rule: f.Code, Level: sarifLevel(f.Severity), Message: f.Message,
			File: r.name, Line: f.Line, Column: f.Column, Offset: offset, Path: f.Path,
		})
	}
	if more := r.unlisted(); more != "" {
		l.w.Notify(sarif.LevelNote, more, r.name)
	}
	if r.err != nil {
		l.w.Notify(sarif.LevelError, r.err.Error(), r.name)
	}
	return l.w.Write(findings...)
}

func (l *sarifLog) end() error { return l.w.Close() }

func sarifLevel(s fhirbundle.Severity) sarif.Level {
	switch s {
	case fhirbundle.SeverityError, fhirbundle.SeverityWarning:
		return sarif.Level(s)
	}
	return sarif.LevelNote
}
