// Package sarif writes the findings of a tool in SARIF 2.1.0, which code hosts and editors
// read.
package sarif

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Finding is a result with one location.
type Finding struct {
	Rule    string // ID
	Level   Level
	Message string
	File    string // as the operating system names it
	Line    int64  // from 1; 0 if unknown, as Column and Offset are then
	Column  int64  // in characters, from 1; 0 if unknown
	Offset  int64  // in bytes from the start of the file; -1 if unknown
	Path    string // of the element in the document; empty if unknown
}

// Writer writes a log with one run. Findings are written as they come, one a line; only
// notifications are held until Close.
type Writer struct {
	out   io.Writer
	buf   bytes.Buffer   // not written yet
	rules map[string]int // the index of each ID
	count int            // of findings
	end   invocation
}

// NewWriter returns a writer of the tool's log. It writes nothing before the first call of
// Write or Close.
func NewWriter(out io.Writer, tool Tool) *Writer {
	w := &Writer{out: out, rules: map[string]int{}, end: invocation{ExecutionSuccessful: true}}
	for i, r := range tool.Rules {
		w.rules[r.ID] = i
	}
	w.buf.WriteString(`{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":`)
	w.encode(tool)
	w.buf.WriteString(`},"columnKind":"unicodeCodePoints","results":[`)
	return w
}

// Write writes findings. The error is the underlying writer's.
func (w *Writer) Write(findings ...Finding) error {
	for _, f := range findings {
		if w.count++; w.count > 1 {
			w.buf.WriteByte(',')
		}
		w.buf.WriteByte('\n')
		w.encode(w.resultOf(f))
	}
	_, err := w.buf.WriteTo(w.out)
	return err
}

// Notify adds a message about a file that is not a finding. LevelError means that the run
// was not successful.
func (w *Writer) Notify(level Level, message, file string) {
	w.end.Notifications = append(w.end.Notifications, notification{level, Text{message}, []location{locationOf(file)}})
	w.end.ExecutionSuccessful = w.end.ExecutionSuccessful && level != LevelError
}

// Close writes the end of the log. It does not close the underlying writer.
func (w *Writer) Close() error {
	w.buf.WriteString("\n],\"invocations\":[")
	w.encode(w.end)
	w.buf.WriteString("]}]}\n")
	_, err := w.buf.WriteTo(w.out)
	return err
}

func (w *Writer) resultOf(f Finding) result {
	at := locationOf(f.File)
	if f.Line > 0 {
		// The region is empty: only the start is known.
		at.Physical.Region = &region{StartLine: f.Line, StartColumn: f.Column, EndColumn: f.Column}
		if f.Offset >= 0 {
			at.Physical.Region.ByteOffset = &f.Offset
		}
	}
	if f.Path != "" {
		at.Logical = []logical{{f.Path}}
	}
	r := result{RuleID: f.Rule, Level: f.Level, Message: Text{f.Message}, Locations: []location{at}}
	if i, ok := w.rules[f.Rule]; ok {
		r.RuleIndex = &i
	}
	return r
}

// encode adds v, without HTML escapes and without a line feed. v must be encodable.
func (w *Writer) encode(v any) {
	enc := json.NewEncoder(&w.buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	w.buf.Truncate(w.buf.Len() - 1)
}

func locationOf(file string) (at location) {
	at.Physical.Artifact.URI = uriOf(file)
	return at
}

// uriOf returns the URI of a file: relative to the working folder, or absolute outside of
// it.
func uriOf(file string) string {
	rel := file
	if filepath.IsAbs(file) {
		wd, _ := os.Getwd()
		rel, _ = filepath.Rel(wd, file) // empty if there is none
	}
	if filepath.IsLocal(rel) {
		return (&url.URL{Path: filepath.ToSlash(filepath.Clean(rel))}).String()
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		abs = file
	}
	return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")}).String()
}
