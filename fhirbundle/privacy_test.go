package fhirbundle

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canary must not come out. No part of it is a word that may be quoted, however
// it is mutated.
const canary = "4c4n4r4y4 "

// canaryDocuments have it in every name that FHIR does not give, and in every
// value.
func canaryDocuments() [][]byte {
	v := `"` + canary + `"`
	resource := `{"resourceType":` + v + `,"id":` + v + `,` + v + `:{` + v + `:[` + v + `,null,{},[],""]}}`
	entry := `{"fullUrl":` + v + `,"resource":` + resource + `,"request":{"method":` + v + `,"url":` + v + `},` + v + `:null}`
	good := `{"resourceType":"Bundle","type":"batch",` + v + `:` + v + `,"entry":[` + entry + `,` + v + `,{"resource":` + v + `},{}]}`
	odd := `{"resourceType":` + v + `,"type":` + v + `,` + v + `:null,"entry":` + v + `}`
	return [][]byte{[]byte(good), []byte(odd), []byte(resource), []byte(v), []byte(strings.ReplaceAll(good, ",", "\n,")), []byte("\xef\xbb\xbf" + entry)}
}

// TestPrivacy: nothing that is told about a payload holds a value or a name of
// it, whatever is wrong with it.
func TestPrivacy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	docs := canaryDocuments()
	found := map[string]bool{}
	for n := range 4_000 {
		data := bytes.Clone(docs[n%len(docs)])
		if n >= len(docs) {
			data = mutate(r, docs)
		}
		for _, format := range []Format{Bundle, NDJSON} {
			for _, o := range []Options{{}, {MaxDepth: 3}, {MaxStringBytes: 8}, {MaxEntryBytes: 20}} {
				o.Format, o.Level = format, Strict
				read := NewBytesReader(data, &o)
				var text []string
				for {
					e, err := read.Next()
					if err != nil {
						text = append(text, err.Error())
						break
					}
					raw, err := json.Marshal(e.Issues)
					require.NoError(t, err)
					text = append(text, string(raw))
				}
				rep := read.Report()
				raw, err := json.Marshal([]any{rep, NewOutcome(rep.Issues)})
				require.NoError(t, err)
				text = append(text, string(raw))
				if err := rep.Err(); err != nil {
					text = append(text, err.Error())
				}
				if err := CheckJSON(data, &o); err != nil {
					text = append(text, err.Error())
				}
				for _, s := range text {
					require.NotContains(t, s, "4n4r4", "%q", data)
				}
				for _, is := range rep.Issues {
					found[is.Code] = true
				}
			}
		}
	}
	// It is worth something only if every rule spoke.
	for _, rule := range Rules() {
		switch rule.Code {
		case "json-members", "body-empty", "fu-id", "fu-type", "fu-missing", "not-checked", "fhir-unknown-type", "fhir-json-comments", "fhir-json-array-length":
		default:
			if !strings.Contains("bdl- tx-u tx-p tx-b tx-d tx-i ref-", rule.Code[:4]) {
				assert.True(t, found[rule.Code], rule.Code)
			}
		}
	}
}
