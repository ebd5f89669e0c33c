package fhirgen

// writeMessageHeader writes the first entry of a message.
func (g *Generator) writeMessageHeader(b []byte) []byte {
	b = append(b, `,"eventCoding":{"system":"http://example.org/fhir/events","code":"patient-record","display":"Synthetic record sent"},"destination":[{"name":"Synthetic receiver","endpoint":"https://receiver.example.org/fhir"}],"source":{"name":"fhirgen","software":"fhirgen","endpoint":"https://sender.example.org/fhir"}`...)
	if g.w.limit >= 1 {
		b = append(b, `,"focus":[`...)
		b = g.ref(b, patient, &g.w.patient)
		b = append(b, ']')
	}
	return b
}

// writeComposition writes the first entry of a document.
func (g *Generator) writeComposition(b []byte) []byte {
	c := &code{loinc, "60591-5", "Synthetic patient summary"}
	b = g.narrative(b, "Document", c)
	b = append(b, `,"status":"final","type":`...)
	b = appendConcept(b, c)
	if g.w.limit >= 1 {
		b = append(b, `,"subject":`...)
		b = g.refTo(b, patient, &g.w.patient, g.w.name)
	}
	b = g.when(b, "date", g.w.begun)
	b = append(b, `,"author":[{"display":"fhirgen"}],"title":"`...)
	b = append(b, c.display...)
	return append(b, `","section":[{"title":"Remarks","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">None.</div>"}}]`...)
}
