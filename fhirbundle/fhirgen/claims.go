package fhirgen

func (g *Generator) writeClaim(b []byte) []byte {
	w := &g.w
	total := g.between(2000, 250000)
	c := pick(g, visits)
	if w.hasMed {
		c = w.drug
	}
	b = g.narrative(b, "Claim", c)
	b = append(b, `,"status":"active","type":{"coding":[`...)
	if w.hasMed {
		b = appendCoding(b, &code{hl7 + "claim-type", "pharmacy", "Pharmacy"})
	} else {
		b = appendCoding(b, &code{hl7 + "claim-type", "professional", "Professional"})
	}
	b = append(b, `]},"use":"claim","patient":`...)
	b = g.refTo(b, patient, &w.patient, w.name)
	b = append(b, `,"billablePeriod":`...)
	b = g.period(b, w.begun, w.ended)
	b = g.when(b, "created", w.ended)
	b = append(b, `,"provider":`...)
	b = g.refTo(b, organization, &w.org, w.orgName)
	b = append(b, `,"priority":{"coding":[`...)
	b = appendCoding(b, &code{hl7 + "processpriority", "normal", "Normal"})
	b = append(b, `]}`...)
	if w.hasMed {
		b = append(b, `,"prescription":`...)
		b = g.ref(b, medicationRequest, &w.med)
	}
	if w.hasCond {
		b = append(b, `,"diagnosis":[{"sequence":1,"diagnosisReference":`...)
		b = g.ref(b, condition, &w.cond)
		b = append(b, `}]`...)
	}
	b = append(b, `,"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"`...)
	b = append(b, *pick(g, payers)...)
	b = append(b, `"}}],"item":[{"sequence":1,"productOrService":`...)
	b = appendConcept(b, c)
	b = append(b, `,"encounter":[`...)
	b = g.ref(b, encounter, &w.encounter)
	b = append(b, `]}`...)
	for i := range g.between(0, 2) {
		b = append(b, `,{"sequence":`...)
		b = appendInt(b, i+2)
		b = append(b, `,"productOrService":`...)
		b = appendConcept(b, pick(g, interventions))
		b = append(b, `,"net":`...)
		b = appendMoney(b, g.between(100, total))
		b = append(b, '}')
	}
	b = append(b, `],"total":`...)
	return appendMoney(b, total)
}

func (g *Generator) writeExplanationOfBenefit(b []byte) []byte {
	w := &g.w
	total := g.between(2000, 250000)
	payer := *pick(g, payers)
	b = g.narrative(b, "Settlement", &code{display: payer})
	b = append(b, `,"contained":[{"resourceType":"ServiceRequest","id":"referral","status":"completed","intent":"order","subject":`...)
	b = g.ref(b, patient, &w.patient)
	b = append(b, `,"requester":`...)
	b = g.ref(b, practitioner, &w.doctor)
	b = append(b, `},{"resourceType":"Coverage","id":"coverage","status":"active","type":{"text":"`...)
	b = append(b, payer...)
	b = append(b, `"},"beneficiary":`...)
	b = g.ref(b, patient, &w.patient)
	b = append(b, `,"payor":[{"display":"`...)
	b = append(b, payer...)
	b = append(b, `"}]}]`...)
	b = g.identifier(b, "settlements")
	b = append(b, `,"status":"active","type":{"coding":[`...)
	b = appendCoding(b, &code{hl7 + "claim-type", "professional", "Professional"})
	b = append(b, `]},"use":"claim","patient":`...)
	b = g.refTo(b, patient, &w.patient, w.name)
	b = append(b, `,"billablePeriod":`...)
	b = g.period(b, w.begun, w.ended)
	b = g.when(b, "created", w.ended)
	b = append(b, `,"insurer":{"display":"`...)
	b = append(b, payer...)
	b = append(b, `"},"provider":`...)
	b = g.ref(b, practitioner, &w.doctor)
	b = append(b, `,"referral":{"reference":"#referral"},"claim":`...)
	b = g.ref(b, claim, &w.claim)
	b = append(b, `,"outcome":"complete","careTeam":[{"sequence":1,"provider":`...)
	b = g.ref(b, practitioner, &w.doctor)
	b = append(b, `}],"insurance":[{"focal":true,"coverage":{"reference":"#coverage","display":"`...)
	b = append(b, payer...)
	b = append(b, `"}}],"item":[`...)
	for i := range g.between(1, 2) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"sequence":`...)
		b = appendInt(b, i+1)
		b = append(b, `,"productOrService":`...)
		b = appendConcept(b, pick(g, interventions))
		b = append(b, `,"servicedPeriod":`...)
		b = g.period(b, w.begun, w.ended)
		b = append(b, `,"net":`...)
		b = appendMoney(b, total)
		b = append(b, `,"encounter":[`...)
		b = g.ref(b, encounter, &w.encounter)
		b = append(b, `],"adjudication":[{"category":`...)
		b = appendConcept(b, &code{hl7 + "adjudication", "submitted", "Submitted"})
		b = append(b, `,"amount":`...)
		b = appendMoney(b, total)
		b = append(b, `},{"category":`...)
		b = appendConcept(b, &code{hl7 + "adjudication", "benefit", "Benefit"})
		b = append(b, `,"amount":`...)
		b = appendMoney(b, total*8/10)
		b = append(b, `}]}`...)
	}
	b = append(b, `],"total":[{"category":{"coding":[`...)
	b = appendCoding(b, &code{hl7 + "adjudication", "submitted", "Submitted"})
	b = append(b, `]},"amount":`...)
	b = appendMoney(b, total)
	b = append(b, `}],"payment":{"amount":`...)
	b = appendMoney(b, total*8/10)
	return append(b, '}')
}
