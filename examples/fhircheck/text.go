package main

import (
	"fmt"
	"io"
	"strings"
)

// lines prints a line for each finding.
type lines struct {
	out io.Writer
}

func (l *lines) print(r *result) error {
	var b strings.Builder
	name := printable(r.name)
	for _, f := range r.findings {
		b.WriteString(name)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
			if f.column > 0 {
				fmt.Fprintf(&b, ":%d", f.column)
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
