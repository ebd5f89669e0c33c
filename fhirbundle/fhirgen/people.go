package fhirgen

// person is an invented patient.
type person struct {
	given, middle, family string
	number                int
	female                bool
	born                  int // days from 1970-01-01
}

func (g *Generator) person() person {
	return person{
		given:  *pick(g, givenNames),
		middle: *pick(g, givenNames),
		family: *pick(g, familyNames),
		number: g.between(100, 999),
		female: g.percent(50),
		born:   g.between(-14000, 13500),
	}
}

// display is the name as references show it.
func (p *person) display() string {
	b := make([]byte, 0, 64)
	b = append(b, p.given...)
	b = appendInt(b, p.number)
	b = append(b, ' ')
	b = append(b, p.family...)
	return string(appendInt(b, p.number))
}

func (g *Generator) writePatient(b []byte, id *uuid) []byte {
	w, p := &g.w, &g.w.person
	b = g.narrative(b, "Synthetic patient", &code{display: "registered"})
	b = append(b, `,"extension":[{"url":"http://example.org/fhir/StructureDefinition/background","extension":[{"url":"group","valueCoding":`...)
	b = appendCoding(b, pick(g, groups))
	b = append(b, `},{"url":"detail","extension":[{"url":"source","valueCode":"self-reported"},{"url":"text","valueString":"`...)
	b = append(b, *pick(g, remarks)...)
	b = append(b, `"}]}]},{"url":"http://example.org/fhir/StructureDefinition/disability-adjusted-life-years","valueDecimal":`...)
	b = appendDecimal(b, g.n(500000), 4)
	b = append(b, `}],"identifier":[{"system":"urn:example:records","value":"`...)
	b = append(b, id[:]...)
	b = append(b, `"},{"type":{"coding":[`...)
	b = appendCoding(b, &code{hl7 + "v2-0203", "MR", "Medical record number"})
	b = append(b, `],"text":"Record"},"system":"urn:example:hospital","value":"T`...)
	b = appendInt(b, g.between(100000, 999999))
	b = append(b, `"}],"active":true,"name":[{"use":"official","family":"`...)
	b = append(b, p.family...)
	b = appendInt(b, p.number)
	b = append(b, `","given":["`...)
	b = append(b, p.given...)
	b = appendInt(b, p.number)
	b = append(b, `","`...)
	b = append(b, p.middle...)
	b = appendInt(b, g.between(100, 999))
	b = append(b, `"]}],"telecom":[{"system":"phone","value":"+00-555-`...)
	b = appendInt(b, g.between(1000000, 9999999))
	b = append(b, `","use":"home"},{"system":"email","value":"t`...)
	b = appendInt(b, g.between(1000000, 9999999))
	b = append(b, `@example.org"}],"gender":"`...)
	if p.female {
		b = append(b, `female`...)
	} else {
		b = append(b, `male`...)
	}
	b = append(b, `","birthDate":"`...)
	b = appendDate(b, p.born)
	b = append(b, `","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"`...)
	b = appendTime(b, p.born*86400+g.n(86400), w.zone)
	b = append(b, `"}]}`...)
	b = g.address(b)
	b = append(b, `,"maritalStatus":`...)
	b = appendConcept(b, pick(g, marital))
	b = append(b, `,"multipleBirthBoolean":false,"communication":[{"language":`...)
	b = appendConcept(b, pick(g, languages))
	b = append(b, `,"preferred":true}]`...)
	if w.limit >= 2 {
		b = append(b, `,"managingOrganization":`...)
		b = g.refTo(b, organization, &w.org, w.orgName)
	}
	if w.limit >= 3 {
		b = append(b, `,"generalPractitioner":[`...)
		b = g.refTo(b, practitioner, &w.doctor, w.doctorName)
		b = append(b, ']')
	}
	return b
}

// address writes an address with its position as an extension.
func (g *Generator) address(b []byte) []byte {
	b = append(b, `,"address":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/geolocation","extension":[{"url":"latitude","valueDecimal":`...)
	b = appendDecimal(b, g.between(-9000000, 9000000), 5)
	b = append(b, `},{"url":"longitude","valueDecimal":`...)
	b = appendDecimal(b, g.between(-18000000, 18000000), 5)
	b = append(b, `}]}],"line":["`...)
	b = appendInt(b, g.between(1, 999))
	b = append(b, ' ')
	b = append(b, *pick(g, streets)...)
	b = append(b, `"],"city":"`...)
	b = append(b, *pick(g, cities)...)
	b = append(b, `","postalCode":"0`...)
	b = appendInt(b, g.between(1000, 9999))
	return append(b, `","country":"ZZ"}]`...)
}

func (g *Generator) writeOrganization(b []byte, id *uuid) []byte {
	b = g.narrative(b, "Synthetic organization", &code{display: g.w.orgName})
	b = append(b, `,"extension":[{"url":"http://example.org/fhir/StructureDefinition/utilization","extension":[{"url":"encounters","valueInteger":`...)
	b = appendInt(b, g.n(100000))
	b = append(b, `},{"url":"procedures","valueInteger":`...)
	b = appendInt(b, g.n(100000))
	b = append(b, `}]}],"identifier":[{"system":"urn:example:organizations","value":"`...)
	b = append(b, id[:]...)
	b = append(b, `"}],"active":true,"type":[`...)
	b = appendConcept(b, &code{hl7 + "organization-type", "prov", "Care provider"})
	b = append(b, `],"name":"`...)
	b = append(b, g.w.orgName...)
	b = append(b, `","telecom":[{"system":"phone","value":"+00-555-`...)
	b = appendInt(b, g.between(1000000, 9999999))
	b = append(b, `"}]`...)
	return g.address(b)
}

func (g *Generator) writePractitioner(b []byte) []byte {
	b = g.narrative(b, "Synthetic practitioner", &code{display: g.w.doctorName})
	b = g.identifier(b, "practitioners")
	b = append(b, `,"active":true,"name":[{"text":"`...)
	b = append(b, g.w.doctorName...)
	b = append(b, `","prefix":["Dr."]}],"telecom":[{"extension":[{"url":"http://example.org/fhir/StructureDefinition/direct","valueBoolean":true}],"system":"email","value":"d`...)
	b = appendInt(b, g.between(1000000, 9999999))
	b = append(b, `@example.org","use":"work"}]`...)
	b = g.address(b)
	b = append(b, `,"gender":"unknown","qualification":[{"code":`...)
	b = appendConcept(b, &code{hl7 + "v2-0360", "MD", "Physician"})
	return append(b, `}]`...)
}
