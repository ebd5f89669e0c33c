package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// sarif prints a SARIF 2.1.0 log with one run. Results are written as they come, one a
// line; only files that could not be read are held to the end.
type sarif struct {
	out     io.Writer
	level   fhirbundle.Level
	rules   map[string]int // the index of each code
	started bool
	results int
	notes   []sarifNote
}

func newSARIF(out io.Writer, level fhirbundle.Level) *sarif {
	s := &sarif{out: out, level: level, rules: map[string]int{}}
	for i, r := range fhirbundle.Rules() {
		s.rules[r.Code] = i
	}
	return s
}

func (s *sarif) print(r *result) error {
	var b bytes.Buffer
	s.start(&b)
	where := artifact(r.name)
	for _, f := range r.findings {
		if s.results++; s.results > 1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(compact(s.result(f, where, r.zipped)))
	}
	if more := r.unlisted(); more != "" {
		s.note("note", more, where)
	}
	if r.err != nil {
		s.note("error", r.err.Error(), where)
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

func (s *sarif) end() error {
	var b bytes.Buffer
	s.start(&b)
	run := sarifInvocation{ExecutionSuccessful: true, Notifications: s.notes}
	for _, n := range s.notes {
		run.ExecutionSuccessful = run.ExecutionSuccessful && n.Level != "error"
	}
	b.WriteString("\n],\"invocations\":[")
	b.Write(compact(run))
	b.WriteString("]}]}\n")
	_, err := s.out.Write(b.Bytes())
	return err
}

// start writes the part before the results, once.
func (s *sarif) start(b *bytes.Buffer) {
	if s.started {
		return
	}
	s.started = true
	driver := sarifDriver{Name: "fhircheck", InformationURI: "https://github.com/fhirdock/fhirdock"}
	for _, r := range fhirbundle.Rules() {
		driver.Rules = append(driver.Rules, sarifRule{
			ID: r.Code, ShortDescription: sarifText{r.Message}, HelpURI: r.Spec,
			DefaultConfiguration: sarifConfiguration{sarifLevel(r.Severity(s.level))},
		})
	}
	b.WriteString(`{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":`)
	b.Write(compact(driver))
	b.WriteString(`},"columnKind":"unicodeCodePoints","results":[`)
}

func (s *sarif) result(f finding, where sarifArtifact, zipped bool) sarifResult {
	at := sarifLocation{Physical: sarifPhysical{Artifact: where}}
	if f.Line > 0 {
		// The region is empty: only the start is known.
		at.Physical.Region = &sarifRegion{StartLine: f.Line, StartColumn: f.column, EndColumn: f.column}
		if !zipped { // it would be read as an offset in the file
			at.Physical.Region.ByteOffset = &f.Offset
		}
	}
	if f.Path != "" {
		at.Logical = []sarifLogical{{f.Path}}
	}
	r := sarifResult{RuleID: f.Code, Level: sarifLevel(f.Severity), Message: sarifText{f.Message}, Locations: []sarifLocation{at}}
	if i, ok := s.rules[f.Code]; ok {
		r.RuleIndex = &i
	}
	return r
}

func (s *sarif) note(level, text string, where sarifArtifact) {
	s.notes = append(s.notes, sarifNote{
		Level: level, Message: sarifText{text}, Locations: []sarifLocation{{Physical: sarifPhysical{Artifact: where}}},
	})
}

func sarifLevel(s fhirbundle.Severity) string {
	switch s {
	case fhirbundle.SeverityError, fhirbundle.SeverityWarning:
		return string(s)
	}
	return "note"
}

// artifact returns the URI of a file: relative to the working folder, or absolute outside
// of it.
func artifact(name string) sarifArtifact {
	rel := name
	if wd, err := os.Getwd(); err == nil && filepath.IsAbs(name) {
		if r, err := filepath.Rel(wd, name); err == nil {
			rel = r
		}
	}
	if filepath.IsLocal(rel) {
		u := url.URL{Path: filepath.ToSlash(filepath.Clean(rel))}
		return sarifArtifact{u.String()}
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		abs = name
	}
	u := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")}
	return sarifArtifact{u.String()}
}

// compact returns v as JSON without HTML escapes. v must be encodable.
func compact(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
