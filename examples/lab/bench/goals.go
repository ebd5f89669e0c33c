package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// goal is one that was set, and what was measured.
type goal struct {
	what, want, measured string
	verdict              verdict
}

type verdict int

const (
	notMeasured verdict = iota
	notMet
	met
)

func (v verdict) String() string { return [...]string{"not measured", "NOT MET", "met"}[v] }

func verdictOf(ok bool) verdict {
	if ok {
		return met
	}
	return notMet
}

// judge holds all that was measured against the goals, which are the scanner's, with
// what is always an error, and those of reading with all rules.
func judge(r *result, m *memory, a []allocs, h []*hostileResult, p []*probed) []goal {
	goals := append(speedGoals(r, "scanner", oursScan),
		r.atLeast("2  reader, from an io.Reader", 18, oursStream, baseline, large...),
		memoryGoal(m),
		r.atLeast("5  reader against Python, loads and dumps", 25, ours, thePython, large...),
		r.atLeast("5  reader against google/fhir", 150, ours, theGoogle, large...))
	goals = append(goals, allocGoals(a)...)
	goals = append(goals, hostileGoal(h), suiteGoal(p))
	slices.SortStableFunc(goals, func(a, b goal) int { return cmp.Compare(a.what[0], b.what[0]) })
	return append(goals,
		r.atLeast("-  all rules against the scanner alone", 0.6, oursStrict, oursScan, large...))
}

// beyond has goals for reading entry by entry, where each resource is also counted. They
// are not counted, because the last of the goals covers the same.
func beyond(r *result) []goal {
	return append([]goal{
		r.atLeast("1  reader, all rules, compact", 16, oursStrict, baseline, compact),
		r.atLeast("1  reader, all rules, indented", 16, oursStrict, baseline, indented),
		r.atLeast("1  reader, all rules, NDJSON", 19, oursStrict, baseline, ndjson),
		r.atLeast("6  reader, Bundles of 1.6 KB", 12, ours, baseline, small),
	}, peerGoals(r, "reader", ours)...)
}

var large = []string{compact, indented, ndjson}

func speedGoals(r *result, name, who string) []goal {
	return append([]goal{
		r.atLeast("1  "+name+", compact", 22, who, baseline, compact),
		r.atLeast("1  "+name+", indented", 24, who, baseline, indented),
		r.atLeast("1  "+name+", NDJSON", 23, who, baseline, ndjson),
		r.atLeast("6  "+name+", Bundles of 1.6 KB", 17, who, baseline, small),
	}, peerGoals(r, name, who)...)
}

func peerGoals(r *result, name, who string) []goal {
	return []goal{
		r.atLeast("3  "+name+" against jsontext", 2, who, theText, large...),
		r.atLeast("3  "+name+" against sonic.Valid", 0.95, who, theSonic, large...),
		r.atLeast("4  "+name+" against SHA-256", 1, who, theHash, large...),
	}
}

// atLeast is a goal of speed, judged by the data set on which it is lowest.
func (r *result) atLeast(what string, want float64, who, other string, sets ...string) goal {
	g := goal{what: what, want: fmt.Sprintf("at least %v", want)}
	x, at, ok := r.worst(who, other, sets...)
	if !ok {
		return g
	}
	g.measured = fmt.Sprintf("%.2f", x)
	if len(sets) > 1 {
		g.measured += ", " + at
	}
	g.verdict = verdictOf(x >= want)
	return g
}

func memoryGoal(m *memory) goal {
	mb := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	return goal{
		what:     fmt.Sprintf("2  peak memory, %d MB, type last", m.ours.Read/1e6),
		want:     "at most " + mb(m.allowed()),
		measured: fmt.Sprintf("%s, loop %s", mb(m.ours.Peak), mb(m.loop.Peak)),
		verdict:  verdictOf(m.ours.Peak <= m.allowed() && m.ours.Read == m.loop.Read),
	}
}

func allocGoals(all []allocs) []goal {
	bundle := goal{what: "7  allocations of a Bundle", want: "at most 20", verdict: met}
	entry := goal{what: "7  allocations of an entry", want: "none", verdict: met}
	for i, a := range all {
		if i > 0 {
			bundle.measured += ", "
		}
		bundle.measured += fmt.Sprintf("%s %.0f", a.name, a.bundle)
		if a.bundle > 20 {
			bundle.verdict = notMet
		}
		if s := fmt.Sprintf("%.3f", a.entry); s > entry.measured {
			entry.measured = s
		}
		// A table that doubles now and then is no allocation of an entry.
		if a.entry >= 0.005 {
			entry.verdict = notMet
		}
	}
	return []goal{bundle, entry}
}

func hostileGoal(all []*hostileResult) goal {
	g := goal{what: "8  hostile input in linear time", want: fmt.Sprintf("%d of %d", len(all), len(all))}
	n := 0
	for _, h := range all {
		if h.linear() {
			n++
		}
	}
	g.measured, g.verdict = fmt.Sprint(n), verdictOf(n == len(all))
	return g
}

func suiteGoal(all []*probed) goal {
	g := goal{what: "9  JSONTestSuite: n_ refused, y_ taken", want: "188 and 93"}
	for _, p := range all {
		if p.who.name != ours || p.suite == nil {
			continue
		}
		refused, taken := count(p.bad, refuses), count(p.good, takes)
		g.measured = fmt.Sprintf("%d and %d", refused, taken)
		g.verdict = verdictOf(refused == 188 && len(p.bad) == 188 && taken == 93 && len(p.good) == 93)
	}
	return g
}

// printGoals prints the goals, and above them what is asked beyond them. It ends with
// the line that counts the goals.
func printGoals(out io.Writer, goals, beyond []goal) {
	fmt.Fprintf(out, "Goals of reading entry by entry, at level basic unless all rules are named\n\n")
	n := printVerdicts(out, beyond)
	fmt.Fprintf(out, "\n%d of %d, which are not counted below\n\n", n, len(beyond))
	fmt.Fprintf(out, "Goals, each judged by the data on which it is hardest\n\n")
	n = printVerdicts(out, goals)
	fmt.Fprintf(out, "\nmet %d of %d goals\n", n, len(goals))
}

// printVerdicts returns how many are met.
func printVerdicts(out io.Writer, goals []goal) (n int) {
	var rows [][]string
	for _, g := range goals {
		rows = append(rows, []string{g.what, g.want, g.measured, g.verdict.String()})
		if g.verdict == met {
			n++
		}
	}
	table(out, 4, rows)
	return n
}
