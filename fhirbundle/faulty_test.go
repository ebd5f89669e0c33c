package fhirbundle

import (
	"fmt"
	"strings"
)

// canary must not come out. No part of it is a word that may be quoted, however
// it is mutated. Where a document needs an id or a part of a URL it is without
// its blank.
const (
	canary   = "4c4n4r4y4 "
	canaryID = "4c4n4r4y4"
	sings    = "4n4r4" // what is looked for
)

// canaryWord looks like the name of a type, and is none.
const canaryWord = "Qwxzvkqj"

// faultyDocument breaks a rule, and has the canary in every name and value that can have
// it.
type faultyDocument struct {
	doc string
	o   Options
}

// Parts of such documents.
const (
	cValue    = `"` + canary + `"`    // a value, or a name
	cMember   = cValue + `:` + cValue // a member
	cBasic    = `{"resourceType":"Basic","id":"` + canaryID + `",` + cMember + `,"subject":{"reference":` + cValue + `,` + cMember + `}}`
	cRequest  = `"request":{"method":"POST","url":` + cValue + `,` + cMember + `}`
	cEntry    = `{"fullUrl":` + cValue + `,"resource":` + cBasic + `,` + cRequest + `,` + cMember + `}`
	cHead     = `{"resourceType":"Bundle","type":"batch",` + cMember + `,"entry":[`
	cResource = `{"resourceType":"Basic",` // and members
)

// cBundle is a batch with a valid entry and another one.
func cBundle(entry string) string { return cHead + cEntry + ",\n" + entry + `]}` }

// cPost is an entry with a resource.
func cPost(resource string) string {
	return `{"fullUrl":` + cValue + `,"resource":` + resource + `,` + cRequest + `}`
}

// cIn is such an entry in a Bundle and such a line in NDJSON.
func cIn(resource string) []faultyDocument {
	return []faultyDocument{
		{doc: cBundle(cPost(resource))},
		{doc: cBasic + "\n" + resource + "\n" + cBasic, o: Options{Format: FormatNDJSON}},
	}
}

// faultyDocuments has documents that break each rule, by code. A new rule needs one, or
// TestPrivacy fails. Options are those that the rule needs; the test adds LevelStrict.
func faultyDocuments() map[string][]faultyDocument {
	deep := strings.Repeat(`{`+cValue+`:[`, 40) + cValue + strings.Repeat(`]}`, 40)
	var wide strings.Builder
	for i := range 1<<16 + 1 {
		fmt.Fprintf(&wide, `"%s%x":0,`, sings, i)
	}
	short := Options{MaxStringBytes: 30}
	long := `"` + strings.Repeat(canary, 4) + `"`
	small, smallLines := Options{MaxEntryBytes: 300}, Options{MaxEntryBytes: 300, Format: FormatNDJSON}
	large := cResource + cValue + `:[` + strings.Repeat(cValue+",", 40) + cValue + `]}`
	all := plantedDocuments()
	for code, docs := range map[string][]faultyDocument{
		// JSON.
		"body-empty": {{doc: " \n"}, {doc: "\n\n", o: Options{Format: FormatNDJSON}}},
		"json-syntax": append(cIn(cResource+cValue+cValue+`}`),
			append(cIn(cResource+cValue+`:"`+canary+`\x`+canary+`"}`),
				faultyDocument{doc: `{` + cMember}, faultyDocument{doc: cValue + cValue}, faultyDocument{doc: canary}, faultyDocument{doc: cBundle(cEntry) + canary},
				faultyDocument{doc: cHead + cEntry + canary}, faultyDocument{doc: `{` + cValue + canary}, faultyDocument{doc: `{` + cMember + canary},
				faultyDocument{doc: canary + "\n" + cBasic, o: Options{Format: FormatNDJSON}})...),
		"json-utf8":          append(cIn(cResource+cValue+":\""+canary+"\xff"+canary+"\"}"), cIn(cResource+"\""+canary+"\xff"+canary+"\":1}")...),
		"json-dup":           append(cIn(cResource+cMember+","+cMember+"}"), faultyDocument{doc: `{` + cMember + `,` + cMember + `}`}),
		"json-surrogate":     append(cIn(cResource+cValue+`:"`+canary+`\ud800`+canary+`"}`), cIn(cResource+`"`+canary+`\ud800`+canary+`":1}`)...),
		"json-nul":           append(cIn(cResource+cValue+`:"`+canary+`\u0000`+canary+`"}`), cIn(cResource+"\""+canary+"\x00"+canary+`":1}`)...),
		"json-depth":         cIn(cResource + cValue + `:` + deep + `}`),
		"json-string-length": {{cBundle(cPost(cResource + cValue + `:` + long + `}`)), short}, {cBundle(cPost(cResource + long + `:` + cValue + `}`)), short}, {`{` + cValue + `:` + long + `}`, short}},
		"json-entry-length":  {{cBundle(cPost(large)), small}, {`{` + cValue + `:` + large + `}`, small}, {cBasic + "\n" + large, smallLines}},
		"json-members":       {{`{` + cValue + `:{` + wide.String() + cMember + `}}`, Options{MaxEntryBytes: 1 << 20}}},
		"json-bom":           {{doc: "\xef\xbb\xbf" + cBundle(cEntry)}, {doc: "\xef\xbb\xbf" + cBasic, o: Options{Format: FormatNDJSON}}},

		// The six rules.
		"bundle-resource-type":  {{doc: `{"resourceType":` + cValue + `,"type":"batch",` + cMember + `,"entry":[` + cEntry + `]}`}, {doc: `{"resourceType":"` + canaryWord + `","type":"batch",` + cMember + `,"entry":[` + cEntry + `]}`}, {doc: cBasic}, {doc: cValue}, {doc: `[` + cValue + `]`}, {doc: `{` + cMember + `}`}},
		"bundle-type":           {{doc: `{"resourceType":"Bundle","type":` + cValue + `,` + cMember + `,"entry":[` + cEntry + `]}`}, {doc: `{"resourceType":"Bundle","type":"` + canaryWord + `",` + cMember + `,"entry":[` + cEntry + `]}`}, {doc: `{"resourceType":"Bundle",` + cMember + `}`}},
		"bundle-no-entries":     {{cHead + `]}`, frontDoor}, {`{"resourceType":"Bundle","type":"batch",` + cMember + `}`, frontDoor}},
		"bundle-entry-array":    {{doc: `{"resourceType":"Bundle","type":"batch",` + cMember + `,"entry":` + cValue + `}`}, {doc: `{"resourceType":"Bundle","type":"batch","entry":{` + cMember + `}}`}},
		"bundle-entry-object":   {{doc: cBundle(cValue)}, {doc: cBundle(`[` + cValue + `]`)}},
		"entry-resource":        {{doc: cBundle(`{` + cMember + `}`)}, {doc: `{` + cMember + `,"entry":[{` + cMember + `}],"type":"batch","resourceType":"Bundle"}`}},
		"entry-resource-object": {{doc: cBundle(cPost(cValue))}, {doc: cBundle(cPost(`[` + cValue + `]`))}},
		"ndjson-duplicate":      {{doc: cBasic + "\n" + cBasic, o: Options{Format: FormatNDJSON}}},
		"ndjson-lines":          {{doc: "{\n " + cMember + ",\n" + cMember + "x\n}\n", o: Options{Format: FormatNDJSON}}, {doc: "[\n" + cBasic + ",\n" + cBasic + "]", o: Options{Format: FormatNDJSON}}},
		"ndjson-object":         {{doc: cValue + "\n[" + cValue + "]\n", o: Options{Format: FormatNDJSON}}},

		// FHIR's JSON format.
		"fhir-resource-type":     append(cIn(`{"resourceType":`+cValue+`,`+cMember+`}`), cIn(`{`+cMember+`}`)...),
		"fhir-unknown-type":      append(cIn(`{"resourceType":"`+canaryWord+`",`+cMember+`}`), cIn(`{"resourceType":"Patient","contained":[{"resourceType":"`+canaryWord+`",`+cMember+`}]}`)...),
		"fhir-json-null":         append(cIn(cResource+cValue+`:null}`), cIn(cResource+cValue+`:[`+cValue+`,null],"_`+canary+` ":[`+cValue+`]}`)...),
		"fhir-json-empty-array":  cIn(cResource + cValue + `:[]}`),
		"fhir-json-empty-object": cIn(cResource + cValue + `:{}}`),
		"fhir-json-empty-string": cIn(cResource + cValue + `:""}`),
		"fhir-id":                append(cIn(cResource+`"id":`+cValue+`,`+cMember+`}`), cIn(cResource+`"id":{`+cMember+`},`+cMember+`}`)...),

		// Bundles.
		"bdl-3":     {{doc: cBundle(`{"fullUrl":` + cValue + `,"resource":` + cBasic + `,` + cMember + `}`)}},
		"tx-method": {{doc: cBundle(`{"resource":` + cBasic + `,"request":{"method":` + cValue + `,"url":` + cValue + `,` + cMember + `}}`)}, {doc: cBundle(`{"resource":` + cBasic + `,"request":` + cValue + `}`)}},
		"tx-url":    {{doc: cBundle(`{"resource":` + cBasic + `,"request":{"method":"POST","url":[` + cValue + `],` + cMember + `}}`)}},
		"fu-id":     {{doc: cBundle(`{"fullUrl":"http://` + canaryID + `/Basic/x` + canaryID + `","resource":` + cBasic + `,` + cRequest + `}`)}},
	} {
		all[code] = append(all[code], docs...)
	}
	return all
}

// plantedDocuments are the documents of bundleRuleCases with canaries in them, by
// the codes of the rules that they break.
func plantedDocuments() map[string][]faultyDocument {
	plant := strings.NewReplacer(
		`"resource":{`, `"resource":{`+cMember+`,`,
		`"request":{`, `"request":{`+cMember+`,`,
		`"response":{`, `"response":{`+cMember+`,`,
		`"search":{`, `"search":{`+cMember+`,`,
		`"meta":{`, `"meta":{`+cMember+`,`,
		`a.b`, canaryID+`.b`,
		uuid1[:17], uuid1[:17], // a whole one, of which there may be more
		`urn:uuid:`, `urn:uuid:`+canaryID,
		`urn:oid:`, `urn:oid:`+canaryID,
		`?`, `?`+canaryID,
		`"#x"`, `"#x`+canaryID+`"`,
		`o1`, `o1`+canaryID,
		`Patient/p`, `Patient/p`+canaryID,
		`"id":"p"`, `"id":"p`+canaryID+`"`,
		`"versionId":"`, `"versionId":"`+canaryID,
	)
	all := map[string][]faultyDocument{}
	for _, c := range bundleRuleCases {
		version, _, _ := strings.Cut(c.versions, " ")
		var entries []string
		for _, e := range c.entries {
			entries = append(entries, `{`+cMember+`,`+plant.Replace(e)[1:])
		}
		members := cMember
		if c.members != "" {
			members += "," + plant.Replace(c.members)
		}
		for code := range strings.FieldsSeq(c.want) {
			code = strings.TrimPrefix(code, "~")
			for _, last := range []bool{false, true} {
				all[code] = append(all[code], faultyDocument{
					bundleWith(c.typ, members, last, entries...),
					Options{Types: []string{}, Version: Version(version)},
				})
			}
		}
	}
	return all
}
