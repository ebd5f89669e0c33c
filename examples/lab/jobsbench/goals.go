package main

import (
	"fmt"
	"io"
)

// goal is a performance goal. other is the contestant to compare with, empty if the goal
// is a number of jobs a second.
type goal struct {
	what, who, other string
	least            float64
}

func goals() []goal {
	return []goal{
		{"SQLite against River's", oursSQLite, riverSQLite, 1},
		{"PostgreSQL against River, tuned", oursPostgres, riverTuned, 0.5},
		{"PostgreSQL against River's defaults", oursPostgres, riverDefault, 5},
		{"in memory, jobs a second", oursMemory, "", 50_000},
	}
}

// measured returns false if a contestant was skipped.
func (g goal) measured(r *result) (float64, bool) {
	if g.other != "" {
		return r.ratio(g.who, g.other)
	}
	a := r.rates[g.who]
	if a == nil {
		return 0, false
	}
	return median(a.cycle), true
}

// printGoals prints the goals, and how many are met.
func printGoals(out io.Writer, r *result) {
	rows, met := [][]string{{"goal", "at least", "measured", ""}}, 0
	for _, g := range goals() {
		row := []string{g.what, number(g.least), "-", "not measured"}
		if got, ok := g.measured(r); ok {
			row[2], row[3] = number(got), "NOT MET"
			if got >= g.least {
				row[3] = "met"
				met++
			}
		}
		rows = append(rows, row)
	}
	table(out, rows)
	fmt.Fprintf(out, "\nmet %d of %d goals\n", met, len(goals()))
}

// number formats jobs a second without decimals, and ratios with them.
func number(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
