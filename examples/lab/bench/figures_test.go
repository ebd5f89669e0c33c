package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	values := []float64{9, 1, 5}
	assert.Equal(t, 5.0, median(values))
	assert.Equal(t, []float64{9, 1, 5}, values, "left as they are")
	assert.Equal(t, 3.0, median([]float64{5, 1, 9, 1}))
	assert.Zero(t, median(nil))
}

// raced is a result with these rates of one round, by contestant, on two sets.
func raced(rates map[string][2]float64) *result {
	r := &result{cells: map[cellKey]*cell{}}
	for i, set := range []string{compact, ndjson} {
		r.sets = append(r.sets, &dataset{name: set, docs: make([][]byte, 3)})
		for who, x := range rates {
			r.cells[cellKey{who, set}] = &cell{rates: []float64{x[i]}}
		}
	}
	for who := range rates {
		r.all = append(r.all, &contestant{name: who})
	}
	return r
}

// A goal of speed is judged by the data on which it is hardest.
func TestAtLeast(t *testing.T) {
	r := raced(map[string][2]float64{ours: {300, 190}, baseline: {10, 10}})
	assert.Equal(t, goal{"x", "at least 19", "19.00, NDJSON", met}, r.atLeast("x", 19, ours, baseline, compact, ndjson))
	assert.Equal(t, goal{"x", "at least 19.5", "19.00, NDJSON", notMet}, r.atLeast("x", 19.5, ours, baseline, compact, ndjson))
	assert.Equal(t, goal{"x", "at least 20", "30.00", met}, r.atLeast("x", 20, ours, baseline, compact))
}

// What was not read, or not all of it, has no ratio; that is never a goal met.
func TestNotMeasured(t *testing.T) {
	r := raced(map[string][2]float64{ours: {300, 190}, baseline: {10, 10}})
	assert.Equal(t, goal{what: "x", want: "at least 1"}, r.atLeast("x", 1, ours, thePython, compact))
	assert.Equal(t, "not measured", r.atLeast("x", 1, ours, thePython, compact).verdict.String())
	r.cells[cellKey{ours, ndjson}].refused = 1
	assert.Equal(t, notMeasured, r.atLeast("x", 1, ours, baseline, compact, ndjson).verdict)
	r.cells[cellKey{baseline, compact}].refused = 1
	assert.Equal(t, notMeasured, r.atLeast("x", 1, ours, baseline, compact).verdict)
	assert.Equal(t, notMeasured, suiteGoal([]*probed{{who: &contestant{name: ours}}}).verdict)
}

func TestMemoryGoal(t *testing.T) {
	m := &memory{ours: memoryReport{Peak: 20<<20 + 6, Read: 5, Largest: 3}, loop: memoryReport{Peak: 16 << 20, Read: 5}}
	assert.Equal(t, met, memoryGoal(m).verdict)
	m.ours.Peak++
	assert.Equal(t, notMet, memoryGoal(m).verdict)
	m.ours.Peak, m.loop.Read = 0, 4
	assert.Equal(t, notMet, memoryGoal(m).verdict, "they did not read the same")
}

func TestAllocGoals(t *testing.T) {
	g := allocGoals([]allocs{{"a", 20, 0}, {"b", 3, 0.004}})
	assert.Equal(t, []goal{{"7  allocations of a Bundle", "at most 20", "a 20, b 3", met}, {"7  allocations of an entry", "none", "0.004", met}}, g)
	g = allocGoals([]allocs{{"a", 21, 0.01}, {"b", 3, 0}})
	assert.Equal(t, notMet, g[0].verdict)
	assert.Equal(t, "0.010", g[1].measured)
	assert.Equal(t, notMet, g[1].verdict)
}

// Time that is quadratic, and input that is not judged as it must be, are not
// linear.
func TestHostileGoal(t *testing.T) {
	linear := &hostileResult{rate: [2]float64{100, 50}}
	square := &hostileResult{rate: [2]float64{100, 49}}
	wrong := &hostileResult{rate: [2]float64{100, 100}, wrong: "it is refused late"}
	assert.Equal(t, met, hostileGoal([]*hostileResult{linear}).verdict)
	for _, h := range []*hostileResult{square, wrong} {
		g := hostileGoal([]*hostileResult{linear, h})
		assert.Equal(t, notMet, g.verdict)
		assert.Equal(t, "1", g.measured)
	}
}

func TestSuiteGoal(t *testing.T) {
	p := &probed{who: &contestant{name: ours}, suite: &suite{}}
	p.bad = []answer(strings.Repeat(string(refuses), 188))
	p.good = []answer(strings.Repeat(string(takes), 93))
	assert.Equal(t, met, suiteGoal([]*probed{p}).verdict)
	for _, a := range []answer{takes, tooSlow, crashes} {
		p.bad[7] = a
		assert.Equal(t, notMet, suiteGoal([]*probed{p}).verdict, a)
	}
	p.bad[7], p.good[7] = refuses, refuses
	assert.Equal(t, notMet, suiteGoal([]*probed{p}).verdict)
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	table(&out, 1, [][]string{{"", "wide", "x"}, {"näme", "1", "22"}, {"a"}})
	assert.Equal(t, "      wide   x\nnäme     1  22\na\n", out.String())
}

func TestPrintRatios(t *testing.T) {
	r := raced(map[string][2]float64{ours: {300e6, 5e6}, baseline: {10e6, 10e6}})
	r.all = []*contestant{{name: baseline}, {name: ours}, {name: thePython, absent: "there is no python3 on PATH"}}
	r.cells[cellKey{ours, ndjson}].refused = 2
	var out bytes.Buffer
	printRatios(&out, r, config{})
	assert.Regexp(t, `\nfhirbundle, level basic +30\.0 +0\.50\*\n`, out.String())
	assert.Regexp(t, `\n  that one's MB/s here +10 +10\n`, out.String())
	assert.Regexp(t, `\nPython json loads and dumps +- +-\n`, out.String())
	assert.Contains(t, out.String(), "* fhirbundle, level basic refuses 2 of the 3 documents of NDJSON.\n")
	assert.Contains(t, out.String(), "Python json loads and dumps: not measured, there is no python3 on PATH.\n")
	assert.Contains(t, out.String(), "The corpus is not there")
}

func TestSpread(t *testing.T) {
	r := raced(map[string][2]float64{baseline: {10, 10}})
	r.cells[cellKey{baseline, ndjson}].rates = []float64{100, 90, 140, 100, 120}
	assert.InDelta(t, 0.1, r.spread(), 1e-9)
}

func TestPrintGoals(t *testing.T) {
	var out bytes.Buffer
	printGoals(&out, []goal{{"a", "1", "2", met}, {"b", "1", "", notMeasured}, {"c", "1", "0", notMet}}, []goal{{"d", "1", "2", met}, {"e", "1", "0", notMet}})
	assert.Contains(t, out.String(), "\n1 of 2, which are not counted below\n")
	assert.True(t, strings.HasSuffix(out.String(), "\nmet 1 of 3 goals\n"), out.String())
}

func TestNumbers(t *testing.T) {
	assert.Equal(t, "0 999 1,000 12,345,678", thousands(0)+" "+thousands(999)+" "+thousands(1000)+" "+thousands(12345678))
	assert.Equal(t, "0.05 0.99 1.0 99.9 100", times(0.05)+" "+times(0.99)+" "+times(1)+" "+times(99.9)+" "+times(100))
}
