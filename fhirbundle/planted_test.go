package fhirbundle

import "strings"

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
