package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table prints rows with aligned columns, two spaces between them. The first
// left columns are aligned to the left, all others to the right.
func table(out io.Writer, left int, rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, s := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, s := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i > 0 {
				b.WriteString("  ")
			}
			if i < left {
				b.WriteString(s + pad)
			} else {
				b.WriteString(pad + s)
			}
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

// printRatios prints the table that all this is about.
func printRatios(out io.Writer, r *result, c config) {
	fmt.Fprintf(out, "Times as fast as %s\n\n", baseline)
	head, mb := []string{""}, []string{"  that one's MB/s here"}
	for _, d := range r.sets {
		head = append(head, d.name)
		mb = append(mb, fmt.Sprintf("%.0f", r.cells[cellKey{baseline, d.name}].rate()/1e6))
	}
	rows, notes := [][]string{head}, []string{}
	for _, who := range r.all {
		row := []string{who.label()}
		if who.absent != "" {
			notes = append(notes, fmt.Sprintf("%s: not measured, %s.", who.name, who.absent))
			for range r.sets {
				row = append(row, "-")
			}
			rows = append(rows, row)
			continue
		}
		for _, d := range r.sets {
			at := r.cells[cellKey{who.name, d.name}]
			mark := ""
			if at.refused > 0 {
				mark = "*"
				notes = append(notes, fmt.Sprintf("* %s refuses %d of the %d documents of %s.", who.name, at.refused, len(d.docs), d.name))
			}
			row = append(row, times(at.rate()/r.cells[cellKey{baseline, d.name}].rate())+mark)
		}
		rows = append(rows, row)
		if who.name == baseline {
			rows = append(rows, mb)
		}
	}
	table(out, 1, rows)
	notes = append(notes, fmt.Sprintf("Half of the baseline's rounds are within %.0f%% of its median. More than 10%% is a busy machine.", 100*r.spread()))
	if c.corpus == "" {
		notes = append(notes, "The corpus is not there: its column is left out.")
	}
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	fmt.Fprintln(out)
}

// times writes a ratio with three digits or so.
func times(x float64) string {
	switch {
	case x < 1:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
