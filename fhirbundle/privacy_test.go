package fhirbundle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// told returns all text that this package produces about a payload, and the codes of its
// findings.
func told(t *testing.T, data []byte, o *Options) (texts []string, found []string) {
	t.Helper()
	say := func(v any) {
		texts = append(texts, fmt.Sprintf("%v %+v", v, v))
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		texts = append(texts, string(raw))
		if err, ok := v.(error); ok {
			texts = append(texts, err.Error(), fmt.Sprintf("%#v", err), fmt.Errorf("%w", err).Error())
		}
	}
	r := must(NewBytesReader(data, o))
	for {
		e, err := r.Next()
		if err != nil {
			say(err)
			break
		}
		say(e.Issues)
		say(e.Type)
	}
	rep := r.Report()
	say(rep)
	say(*rep)
	say(rep.Err())
	for _, is := range rep.Issues {
		say(is)
		found = append(found, is.Code)
	}
	o2 := NewOutcome(rep.Issues)
	say(o2)
	say(o2.Issues())
	say(CheckJSON(data, o))
	for _, err := range stepped(strings.NewReader(string(data)), o, 1).All() {
		say(err)
	}
	for _, err := range must(ResumeReader(strings.NewReader(string(data)), Position{Offset: 1, Entries: 1}, o)).All() {
		say(err)
	}
	return texts, found
}

func hushed(t *testing.T, data []byte, o *Options) []string {
	t.Helper()
	texts, found := told(t, data, o)
	for _, s := range texts {
		if strings.Contains(s, sings) || strings.Contains(strings.ToLower(s), strings.ToLower(canaryWord)[2:]) {
			require.Failf(t, "a value or a name is told", "%s\n\nof %.1000q", s, data)
		}
	}
	return found
}

// TestPrivacy: for every rule there is a document that breaks it, and no text about it
// contains a value or a name from it.
func TestPrivacy(t *testing.T) {
	all := faultyDocuments()
	for _, rule := range Rules() {
		docs := all[rule.Code]
		assert.NotEmpty(t, docs, "faultyDocuments has none that breaks %s", rule.Code)
		for _, d := range docs {
			if rule.Code != "body-empty" {
				require.Contains(t, d.doc, sings)
			}
			o := d.o
			o.Level = LevelStrict
			assert.Contains(t, hushed(t, []byte(d.doc), &o), rule.Code, "%.1000q", d.doc)
			for _, o := range everyOption(d.o) {
				hushed(t, []byte(d.doc), &o)
			}
		}
		delete(all, rule.Code)
	}
	assert.Empty(t, all, "no rules have these codes")
}

// everyOption varies the options that change texts.
func everyOption(from Options) []Options {
	var all []Options
	for _, format := range []Format{FormatBundle, FormatNDJSON} {
		for _, o := range []Options{{}, {Version: R5, Types: []string{}}, {MaxDepth: 3}, {MaxStringBytes: 8}, {MaxEntryBytes: 20}, {MaxIssues: 1}} {
			o.Format, o.Level = format, from.Level
			all = append(all, o)
		}
	}
	return append(all, from)
}

// TestPrivacyOfMutations: the same for mutated documents.
func TestPrivacyOfMutations(t *testing.T) {
	var docs [][]byte
	for _, of := range faultyDocuments() {
		for _, d := range of {
			if len(d.doc) < 3000 {
				docs = append(docs, []byte(d.doc))
			}
		}
	}
	slices.SortFunc(docs, slices.Compare) // the map has no order
	n := 3000
	if testing.Short() {
		n = 300
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		data := mutate(r, docs)
		all := everyOption(Options{Level: LevelStrict})
		hushed(t, data, &all[r.IntN(len(all))])
	}
}
