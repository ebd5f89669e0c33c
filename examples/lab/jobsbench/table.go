package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"unicode/utf8"
)

// table prints rows in aligned columns, two spaces apart: the first to the left, the
// others to the right.
func table(out io.Writer, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, s := range row {
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, s := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i == 0 {
				b.WriteString(s + pad)
			} else {
				b.WriteString("  " + pad + s)
			}
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

func printRates(out io.Writer, r *result) {
	rows, notes := [][]string{{"jobs a second, medians", "create", "claim, complete", "all three"}}, []string{}
	for _, who := range r.all {
		row := []string{who.label(), "-", "-", "-"}
		if at := r.rates[who.name]; at != nil {
			row = []string{row[0], number(median(at.create)), number(median(at.work)), number(median(at.cycle))}
		} else {
			notes = append(notes, fmt.Sprintf("SKIPPED: %s: %s.", who.name, r.out[who.name]))
		}
		rows = append(rows, row)
	}
	table(out, rows)
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	fmt.Fprintln(out)
}

// label returns the contestant's name with its module's version.
func (c *contestant) label() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || c.module == "" {
		return c.name
	}
	for _, dep := range info.Deps {
		if dep.Path == c.module {
			return c.name + " " + dep.Version
		}
	}
	return c.name
}
