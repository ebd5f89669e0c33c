package fhirgen

// write appends the resource of kind k with that id and notes in the world
// what later resources refer to.
func (g *Generator) write(b []byte, k kind, id uuid) []byte {
	w := &g.w
	if k == encounter {
		w.visit(g)
	}
	b = append(b, `{"resourceType":"`...)
	b = append(b, k.String()...)
	b = append(b, `","id":"`...)
	b = append(b, id[:]...)
	b = append(b, '"')
	b = g.meta(b, k)
	switch k {
	case patient:
		b = g.writePatient(b, &id)
	case organization:
		b = g.writeOrganization(b, &id)
	case practitioner:
		b = g.writePractitioner(b)
	case encounter:
		w.encounter = id
		b = g.writeEncounter(b, &id)
	case condition:
		w.cond, w.hasCond = id, true
		b = g.writeCondition(b)
	case observation:
		w.results[w.nResult%resultsN] = id
		w.nResult++
		b = g.writeObservation(b)
	case diagnosticReport:
		b = g.writeDiagnosticReport(b)
	case procedure:
		b = g.writeProcedure(b)
	case immunization:
		b = g.writeImmunization(b)
	case medicationRequest:
		w.med, w.hasMed = id, true
		b = g.writeMedicationRequest(b)
	case claim:
		w.claim = id
		b = g.writeClaim(b)
		w.hasMed = false
	case explanationOfBenefit:
		b = g.writeExplanationOfBenefit(b)
	case messageHeader:
		b = g.writeMessageHeader(b)
	case composition:
		b = g.writeComposition(b)
	}
	return append(b, '}')
}

// meta writes what every resource has: version, time, profile, the label of
// test data.
func (g *Generator) meta(b []byte, k kind) []byte {
	b = append(b, `,"meta":{"versionId":"`...)
	b = appendInt(b, g.between(1, 9))
	b = append(b, `","lastUpdated":"`...)
	b = appendTime(b, g.w.begun+g.n(86400), "")
	b = append(b, '.')
	b = append(b, byte('0'+g.n(10)))
	b = append2(b, g.n(100))
	b = append(b, g.w.zone...)
	b = append(b, `","source":"urn:example:fhirgen","profile":["http://example.org/fhir/StructureDefinition/synthetic-`...)
	b = append(b, k.String()...)
	return append(b, `"],"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST","display":"test health data"}]}`...)
}

// narrative writes the text of a resource about the patient: XHTML in a JSON
// string, with escaped quotes and line feeds. A quarter of them have their
// angle brackets and other letters as \u escapes, as servers written in Go and
// Java do.
func (g *Generator) narrative(b []byte, title string, c *code) []byte {
	escaped := g.percent(25)
	if escaped {
		b = append(b, `,"text":{"status":"generated","div":"\u003cdiv xmlns=\"http://www.w3.org/1999/xhtml\"\u003e\n  \u003cp class=\"title\"\u003e\u003cb\u003e`...)
	} else {
		b = append(b, `,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">\n  <p class=\"title\"><b>`...)
	}
	b = append(b, title...)
	if escaped {
		b = append(b, `\u003c/b\u003e of \"`...)
	} else {
		b = append(b, `</b> of \"`...)
	}
	b = append(b, g.w.name...)
	b = append(b, `\" on `...)
	b = appendDate(b, g.w.begun/86400)
	b = append(b, `: `...)
	b = append(b, c.display...)
	b = append(b, `.\n  `...)
	b = append(b, *pick(g, remarks)...)
	if escaped {
		return append(b, `\n\u003c/p\u003e\u003c/div\u003e"}`...)
	}
	return append(b, `\n</p></div>"}`...)
}

// context writes the references that clinical resources share.
func (g *Generator) context(b []byte, subject string) []byte {
	b = append(b, `,"`...)
	b = append(b, subject...)
	b = append(b, `":`...)
	b = g.refTo(b, patient, &g.w.patient, g.w.name)
	b = append(b, `,"encounter":`...)
	return g.ref(b, encounter, &g.w.encounter)
}

// identifier writes an identifier of a system, derived from nothing.
func (g *Generator) identifier(b []byte, system string) []byte {
	b = append(b, `,"identifier":[{"use":"official","system":"urn:example:`...)
	b = append(b, system...)
	b = append(b, `","value":"T-`...)
	for range 10 {
		b = append(b, byte('0'+g.n(10)))
	}
	return append(b, `"}]`...)
}

// when writes ,"name":"RFC 3339 time".
func (g *Generator) when(b []byte, name string, sec int) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	b = appendTime(b, sec, g.w.zone)
	return append(b, '"')
}
