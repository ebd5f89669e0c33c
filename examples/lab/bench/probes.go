package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// probed is what a contestant did with input that must be refused.
type probed struct {
	who     *contestant
	answers []answer // one for each of probeDocs
	suite   *suite   // nil where it was not asked
	bad     []answer // of the suite
	good    []answer
	twice   []answer
}

// probeDocs are Bundles with one fault each.
func probeDocs() (names []string, docs [][]byte) {
	for _, d := range []struct{ name, doc string }{
		{"UTF-8", aPatient(`"gender":"` + "\xc3\x28" + `"`)},
		{"name twice", aPatient(`"gender":"male","gender":"female"`)},
		{"surrogate", aPatient(`"language":"\ud800"`)},
		{"tail", aPatient(`"gender":"male"`) + "x"},
		{"deep", aPatient(deepExtension())},
	} {
		names, docs = append(names, d.name), append(docs, []byte(d.doc))
	}
	return names, docs
}

// soundDoc is the same without a fault: who refuses it is not worth asking.
func soundDoc() []byte { return []byte(aPatient(`"gender":"male"`)) }

func aPatient(member string) string {
	return `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient",` + member +
		`},"request":{"method":"POST","url":"Patient"}}]}`
}

// deepExtension has extensions within extensions, 100,000 levels in all.
func deepExtension() string {
	const each = 50_000 // an object and an array
	var b bytes.Buffer
	b.WriteString(strings.Repeat(`"extension":[{`, each))
	b.WriteString(`"url":"u"`)
	b.WriteString(strings.Repeat("}]", each))
	return b.String()
}

// probe asks everyone who judges documents.
func probe(ctx context.Context, c config, all []*contestant, p *progress) ([]*probed, error) {
	tests, err := readSuite(c.corpus)
	if err != nil {
		return nil, err
	}
	_, docs := probeDocs()
	var found []*probed
	for _, who := range all {
		if (who.bundle == nil && who.spawn == nil) || who.absent != "" || who.name == pythonLoad {
			continue
		}
		p.say("probing %s", who.name)
		start := spawn
		if who.spawn != nil {
			start = who.spawn
		}
		answers, err := ask(ctx, start, who.name, asBundle, append([][]byte{soundDoc()}, docs...), c.patience)
		if err != nil {
			return nil, err
		}
		if answers[0] != takes {
			return nil, fmt.Errorf("%s refuses a Bundle that is sound", who.name)
		}
		f := &probed{who: who, answers: answers[1:]}
		if who.value != nil && tests != nil {
			f.suite = tests
			answers, err := ask(ctx, start, who.name, asValue, slices.Concat(tests.bad, tests.good, tests.twice), c.patience)
			if err != nil {
				return nil, err
			}
			bad, good := len(tests.bad), len(tests.good)
			f.bad, f.good, f.twice = answers[:bad], answers[bad:bad+good], answers[bad+good:]
		}
		found = append(found, f)
	}
	return found, nil
}

func count(answers []answer, what answer) (n int) {
	for _, a := range answers {
		if a == what {
			n++
		}
	}
	return n
}

func printProbes(out io.Writer, all []*probed, c config) {
	fmt.Fprintf(out, "What they do with what must be refused, and how many files of JSONTestSuite they take\n\n")
	names, _ := probeDocs()
	rows := [][]string{append(append([]string{""}, names...), "n_", "y_")}
	var notes []string
	for _, f := range all {
		row := []string{f.who.label()}
		for _, a := range f.answers {
			row = append(row, a.String())
		}
		if f.suite == nil {
			rows = append(rows, append(row, "-", "-"))
			continue
		}
		rows = append(rows, append(row, fmt.Sprintf("%d/%d", count(f.bad, takes), len(f.bad)),
			fmt.Sprintf("%d/%d", count(f.good, takes)+count(f.twice, takes), len(f.good)+len(f.twice))))
		for _, a := range []answer{crashes, tooSlow} {
			if n := count(f.bad, a); n > 0 {
				notes = append(notes, fmt.Sprintf("%s: %s on %d of n_.", f.who.name, a, n))
			}
		}
	}
	table(out, 1, rows)
	fmt.Fprintf(out, `
UTF-8 is broken UTF-8, surrogate a lone one, tail a letter after the end, deep 100,000 levels of
extension. n_ must be refused, y_ taken; two of y_ have a name twice, which may be refused. Too slow
is more than %v.
`, c.patience)
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	if c.corpus == "" {
		fmt.Fprintln(out, "The corpus is not there: nobody was asked about JSONTestSuite.")
	}
	fmt.Fprintln(out)
}
