package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// rows is the maximum number of payloads in the table. Failed payloads are always shown.
const rows = 40

// report writes a table of the results, within columns if possible, and reports whether
// all went as expected.
func report(out io.Writer, results []*result, columns int) bool {
	shown, left := results, 0
	if len(shown) > rows {
		shown = nil
		for _, r := range results {
			if len(shown) < rows || !r.expected() {
				shown = append(shown, r)
			} else {
				left++
			}
		}
	}
	table := [][]string{{"JOB", "SOURCE", "STATUS", "SIZE", "RESOURCES", "REJECTED", "MB/s"}}
	for _, r := range shown {
		table = append(table, row(r))
	}
	lines := aligned(table, "lllrrrr")
	narrow := slices.ContainsFunc(lines, func(l string) bool { return len(l) > columns })
	if narrow { // the job gets a line of its own
		for i := range table {
			table[i] = table[i][1:]
		}
		lines = aligned(table, "llrrrr")
	}
	fmt.Fprintln(out)
	for i, line := range lines {
		fmt.Fprintln(out, line)
		if i == 0 {
			continue
		}
		// The payload and its resources by type get lines of their own, since the row
		// would be too long.
		r := shown[i-1]
		if narrow && r.id != "" {
			fmt.Fprintln(out, "    job "+r.id)
		}
		for _, detail := range wrap(details(r), columns-4) {
			fmt.Fprintln(out, "    "+detail)
		}
	}
	switch {
	case left == 1:
		fmt.Fprintln(out, "and 1 more, as it should be")
	case left > 1:
		fmt.Fprintf(out, "and %d more, all as they should be\n", left)
	}
	fmt.Fprintln(out, "\n"+strings.Join(wrap(strings.Fields(summary(results)), columns), "\n"))
	return !slices.ContainsFunc(results, func(r *result) bool { return !r.expected() })
}

// aligned pads the cells of a table, to the left or right as sides says.
func aligned(table [][]string, sides string) []string {
	widths := make([]int, len(sides))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(table))
	for n, cells := range table {
		for i, cell := range cells {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if sides[i] == 'r' {
				cell = padding + cell
			} else {
				cell += padding
			}
			if i > 0 {
				lines[n] += "  "
			}
			lines[n] += cell
		}
		lines[n] = strings.TrimRight(lines[n], " ")
	}
	return lines
}

func row(r *result) []string {
	id, status, resources, rejected := "-", "failed", "-", "-"
	if r.id != "" {
		id = r.id
	}
	switch {
	case r.job != nil:
		status = r.job.Status
		resources, rejected = humanize.Comma(r.job.Progress.Done), humanize.Comma(r.job.Progress.Rejected)
	case r.refused() != nil:
		status = "refused"
	case r.interrupted():
		status = "interrupted"
	}
	return []string{id, r.source, status, humanize.Bytes(uint64(r.size)), resources, rejected,
		rate(r.size, took(r))}
}

// took returns the time from a job's creation to its end, by the server's clock.
func took(r *result) time.Duration {
	if r.job == nil || r.job.FinishedAt.IsZero() {
		return 0
	}
	return r.job.FinishedAt.Sub(r.job.CreatedAt)
}

func rate(bytes int64, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	mb := float64(bytes) / 1e6 / d.Seconds()
	if mb < 0.1 { // too small for a rate
		return "<0.1"
	}
	return fmt.Sprintf("%.1f", mb)
}

// details returns the words of the second line: the payload, and its resources by type or
// its error.
func details(r *result) []string {
	switch {
	case r.interrupted():
		return []string{r.name}
	case !r.expected(): // with the whole name of the file
		return append([]string{r.name + ":", "FAILED:"}, strings.Fields(why(r))...)
	case r.err != nil:
		return append([]string{filepath.Base(r.name) + ":"}, strings.Fields(r.err.Error()+" (as it should be)")...)
	}
	words := append([]string{filepath.Base(r.name) + ":"}, byType(r.job)...)
	if len(r.job.ResourceCount) == 0 {
		words = append(words, "no resources")
	}
	if n := len(r.job.Issues); n > 0 {
		first := r.job.Issues[0]
		words = append(words, strings.Fields(fmt.Sprintf("(%s, the first: %s, at %s)",
			number(int64(n), "warning"), first.Message, first.Path))...)
	}
	return words
}

func byType(job *frontdoor.Job) []string {
	types := slices.Collect(maps.Keys(job.ResourceCount))
	slices.SortFunc(types, func(a, b string) int {
		return cmp.Or(cmp.Compare(job.ResourceCount[b], job.ResourceCount[a]), cmp.Compare(a, b))
	})
	for i, t := range types {
		// Don't wrap between type and number.
		types[i] = t + " " + humanize.Comma(job.ResourceCount[t])
		if i < len(types)-1 {
			types[i] += ","
		}
	}
	return types
}

// wrap puts words on lines of at most n columns.
func wrap(words []string, n int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		if line != "" && len(line)+1+len(word) > n {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func summary(results []*result) string {
	var bytes, resources, rejected int64
	var first, last time.Time
	for _, r := range results {
		if r.job == nil {
			continue
		}
		bytes += r.size
		resources += r.job.Progress.Done
		rejected += r.job.Progress.Rejected
		if first.IsZero() || r.job.CreatedAt.Before(first) {
			first = r.job.CreatedAt
		}
		if r.job.FinishedAt.After(last) {
			last = r.job.FinishedAt
		}
	}
	s := fmt.Sprintf("%s, %s, %s, %s rejected", number(int64(len(results)), "payload"),
		humanize.Bytes(uint64(bytes)), number(resources, "resource"), humanize.Comma(rejected))
	if d := last.Sub(first); d > 0 {
		s += fmt.Sprintf(", in %s: %s MB/s, %s resources/s", d.Round(10*time.Millisecond), rate(bytes, d),
			humanize.Comma(int64(float64(resources)/d.Seconds())))
	}
	return s
}

// where prints where the output is, and a command to try on it.
func where(out io.Writer, folder string, results []*result) {
	var best frontdoor.Output
	var key string
	var rejected int64
	for _, r := range results {
		if r.job == nil {
			continue
		}
		rejected += r.job.Progress.Rejected
		for _, o := range r.job.Outputs {
			// Prefer patients.
			if key == "" || o.Type == "Patient" && (best.Type != "Patient" || o.Count > best.Count) {
				best, key = o, o.Key
			}
		}
	}
	if key != "" {
		path := filepath.Join(backends.ObjectsFolder(folder), filepath.FromSlash(key))
		fmt.Fprintf(out, "\nThe output has an NDJSON file for each job and resource type, below\n  %s\nTry:\n  head -n 1 %s\n",
			filepath.Dir(filepath.Dir(path)), quoted(path))
	}
	if rejected > 0 {
		fmt.Fprintf(out, "\nRejected resources are listed with line and reason below\n  %s\n",
			filepath.Join(backends.ObjectsFolder(folder), "outcomes"))
	}
	fmt.Fprintf(out, "\nThe folder is kept: remove it when you are done. The log is\n  %s\n", filepath.Join(folder, logName))
}

// quoted makes a path safe to paste into a shell.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"$&()*;<>?[\\]`{|}~") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
