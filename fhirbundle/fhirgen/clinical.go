package fhirgen

func (g *Generator) writeEncounter(b []byte, id *uuid) []byte {
	w := &g.w
	typ := pick(g, visits)
	b = g.narrative(b, "Visit", typ)
	b = append(b, `,"identifier":[{"use":"official","system":"urn:example:encounters","value":"`...)
	b = append(b, id[:]...)
	b = append(b, `"}],"status":"finished","class":`...)
	b = appendCoding(b, w.class)
	b = append(b, `,"type":[`...)
	b = appendConcept(b, typ)
	b = append(b, `],"subject":`...)
	b = g.refTo(b, patient, &w.patient, w.name)
	b = append(b, `,"participant":[{"type":[`...)
	b = appendConcept(b, &code{hl7 + "v3-ParticipationType", "PPRF", "Primary performer"})
	b = append(b, `],"period":`...)
	b = g.period(b, w.begun, w.ended)
	b = append(b, `,"individual":`...)
	b = g.refTo(b, practitioner, &w.doctor, w.doctorName)
	b = append(b, `}],"period":`...)
	b = g.period(b, w.begun, w.ended)
	b = append(b, `,"length":{"value":`...)
	b = appendDecimal(b, (w.ended-w.begun)/60*100, 2)
	b = append(b, `,"unit":"min","system":"http://unitsofmeasure.org","code":"min"},"reasonCode":[`...)
	b = appendConcept(b, pick(g, findings))
	b = append(b, `],"serviceProvider":`...)
	return g.refTo(b, organization, &w.org, w.orgName)
}

func (g *Generator) writeCondition(b []byte) []byte {
	c := pick(g, findings)
	b = g.narrative(b, "Condition", c)
	b = append(b, `,"clinicalStatus":{"coding":[`...)
	if g.percent(60) {
		b = appendCoding(b, &code{hl7 + "condition-clinical", "resolved", "Resolved"})
	} else {
		b = appendCoding(b, &code{hl7 + "condition-clinical", "active", "Active"})
	}
	b = append(b, `]},"verificationStatus":{"coding":[`...)
	b = appendCoding(b, &code{hl7 + "condition-ver-status", "confirmed", "Confirmed"})
	b = append(b, `]},"category":[`...)
	b = appendConcept(b, &code{hl7 + "condition-category", "encounter-diagnosis", "Diagnosis at a visit"})
	b = append(b, `],"code":`...)
	b = appendConcept(b, c)
	b = g.context(b, "subject")
	b = g.when(b, "onsetDateTime", g.w.begun)
	b = g.when(b, "recordedDate", g.w.ended)
	return g.note(b)
}

// note writes an annotation in free text, with letters that are not ASCII.
func (g *Generator) note(b []byte) []byte {
	b = append(b, `,"note":[{"authorString":"`...)
	b = append(b, g.w.doctorName...)
	b = append(b, `","text":"`...)
	b = append(b, *pick(g, remarks)...)
	b = append(b, `\r\n`...)
	b = append(b, *pick(g, remarks)...)
	return append(b, `"}]`...)
}

func (g *Generator) writeObservation(b []byte) []byte {
	m := pick(g, measures)
	b = g.narrative(b, "Measurement", &m.code)
	b = append(b, `,"status":"final","category":[`...)
	b = appendConcept(b, &m.category)
	b = append(b, `],"code":`...)
	b = appendConcept(b, &m.code)
	b = g.context(b, "subject")
	b = g.when(b, "effectiveDateTime", g.w.begun)
	b = append(b, `,"issued":"`...)
	b = appendTime(b, g.w.ended, "")
	b = append(b, '.')
	b = append(b, byte('0'+g.n(10)))
	b = append2(b, g.n(100))
	b = append(b, g.w.zone...)
	b = append(b, '"')
	if len(m.parts) == 0 {
		b = g.quantity(b, m)
	} else {
		b = append(b, `,"component":[`...)
		for i := range m.parts {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"code":`...)
			b = appendConcept(b, &m.parts[i].code)
			b = g.quantity(b, &m.parts[i])
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	b = append(b, `,"performer":[`...)
	b = g.refTo(b, practitioner, &g.w.doctor, g.w.doctorName)
	b = append(b, `],"interpretation":[`...)
	b = appendConcept(b, &code{hl7 + "v3-ObservationInterpretation", "N", "Normal"})
	b = append(b, ']')
	if g.percent(30) {
		b = g.note(b)
	}
	return b
}

// quantity writes valueQuantity and, for a measurement of its own, the range
// that is usual.
func (g *Generator) quantity(b []byte, m *measure) []byte {
	b = append(b, `,"valueQuantity":{"value":`...)
	b = appendDecimal(b, g.between(m.low, m.high), m.digits)
	b = append(b, `,"unit":"`...)
	b = append(b, m.unit...)
	b = append(b, `","system":"http://unitsofmeasure.org","code":"`...)
	b = append(b, m.unit...)
	b = append(b, `"},"referenceRange":[{"low":{"value":`...)
	b = appendDecimal(b, m.low, m.digits)
	b = append(b, `},"high":{"value":`...)
	b = appendDecimal(b, m.high, m.digits)
	return append(b, `}}]`...)
}

func (g *Generator) writeDiagnosticReport(b []byte) []byte {
	w := &g.w
	c := pick(g, reports)
	b = g.narrative(b, "Report", c)
	b = g.identifier(b, "reports")
	b = append(b, `,"status":"final","category":[`...)
	b = appendConcept(b, &code{hl7 + "v2-0074", "LAB", "Laboratory"})
	b = append(b, `],"code":`...)
	b = appendConcept(b, c)
	b = g.context(b, "subject")
	b = g.when(b, "effectiveDateTime", w.begun)
	b = g.when(b, "issued", w.ended)
	b = append(b, `,"performer":[`...)
	b = g.refTo(b, organization, &w.org, w.orgName)
	b = append(b, ']')
	for i := range min(w.nResult, resultsN) {
		if i == 0 {
			b = append(b, `,"result":[`...)
		} else {
			b = append(b, ',')
		}
		b = g.ref(b, observation, &w.results[i])
	}
	if w.nResult > 0 {
		b = append(b, ']')
	}
	b = append(b, `,"conclusion":"`...)
	b = append(b, *pick(g, remarks)...)
	b = append(b, `","presentedForm":[{"contentType":"text/plain; charset=utf-8","data":"`...)
	for range g.between(10, 40) {
		v := g.pcg.Uint64()
		for range 10 {
			b = append(b, base64Digits[v&63])
			v >>= 6
		}
		b = append(b, base64Digits[v&63], 'A')
	}
	return append(b, `"}]`...)
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func (g *Generator) writeProcedure(b []byte) []byte {
	c := pick(g, interventions)
	b = g.narrative(b, "Procedure", c)
	b = append(b, `,"status":"completed","code":`...)
	b = appendConcept(b, c)
	b = g.context(b, "subject")
	b = append(b, `,"performedPeriod":`...)
	b = g.period(b, g.w.begun, g.w.begun+60*g.between(5, 90))
	b = append(b, `,"performer":[{"actor":`...)
	b = g.refTo(b, practitioner, &g.w.doctor, g.w.doctorName)
	b = append(b, `}]`...)
	if g.w.hasCond {
		b = append(b, `,"reasonReference":[`...)
		b = g.ref(b, condition, &g.w.cond)
		b = append(b, ']')
	}
	return g.note(b)
}

func (g *Generator) writeImmunization(b []byte) []byte {
	c := pick(g, vaccines)
	b = g.narrative(b, "Immunization", c)
	b = append(b, `,"status":"completed","vaccineCode":`...)
	b = appendConcept(b, c)
	b = g.context(b, "patient")
	b = g.when(b, "occurrenceDateTime", g.w.begun)
	b = append(b, `,"primarySource":true,"lotNumber":"T`...)
	b = appendInt(b, g.between(10000, 99999))
	b = append(b, `","doseQuantity":{"value":0.`...)
	b = append(b, byte('1'+g.n(9)))
	return append(b, `0,"unit":"mL","system":"http://unitsofmeasure.org","code":"mL"}`...)
}

func (g *Generator) writeMedicationRequest(b []byte) []byte {
	w := &g.w
	w.drug = pick(g, drugs)
	b = g.narrative(b, "Prescription", w.drug)
	contained := g.percent(30)
	if contained {
		b = append(b, `,"contained":[{"resourceType":"Medication","id":"med","code":`...)
		b = appendConcept(b, w.drug)
		b = append(b, `,"status":"active"}]`...)
	}
	b = append(b, `,"status":"stopped","intent":"order","category":[`...)
	b = appendConcept(b, &code{hl7 + "medicationrequest-category", "outpatient", "Outpatient"})
	if contained {
		b = append(b, `],"medicationReference":{"reference":"#med"}`...)
	} else {
		b = append(b, `],"medicationCodeableConcept":`...)
		b = appendConcept(b, w.drug)
	}
	b = g.context(b, "subject")
	b = g.when(b, "authoredOn", w.begun)
	b = append(b, `,"requester":`...)
	b = g.refTo(b, practitioner, &w.doctor, w.doctorName)
	b = append(b, `,"dosageInstruction":[{"sequence":1,"text":"`...)
	b = append(b, *pick(g, remarks)...)
	b = append(b, `","timing":{"repeat":{"frequency":`...)
	b = appendInt(b, g.between(1, 4))
	b = append(b, `,"period":1.0,"periodUnit":"d"}},"asNeededBoolean":false,"doseAndRate":[{"type":`...)
	b = appendConcept(b, &code{hl7 + "dose-rate-type", "ordered", "Ordered"})
	b = append(b, `,"doseQuantity":{"value":`...)
	b = appendDecimal(b, g.between(1, 30)*50, 2)
	return append(b, `}}]}]`...)
}
