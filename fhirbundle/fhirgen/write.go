package fhirgen

import "strconv"

// Everything here appends compact JSON to b. Strings that come from this
// package's tables are written as they are: a test checks that the tables hold
// nothing that JSON would need to escape.

func appendInt(b []byte, v int) []byte { return strconv.AppendInt(b, int64(v), 10) }

// appendDecimal writes v/10^digits with exactly that many digits after the
// point, so that trailing zeros stay.
func appendDecimal(b []byte, v, digits int) []byte {
	if v < 0 {
		b = append(b, '-')
		v = -v
	}
	scale := 1
	for range digits {
		scale *= 10
	}
	b = appendInt(b, v/scale)
	if digits == 0 {
		return b
	}
	b = append(b, '.')
	for scale /= 10; scale > 0; scale /= 10 {
		b = append(b, byte('0'+v/scale%10))
	}
	return b
}

func append2(b []byte, v int) []byte { return append(b, byte('0'+v/10%10), byte('0'+v%10)) }

// appendDate writes the day, counted from 1970-01-01, as YYYY-MM-DD. The
// computation is that of the proleptic Gregorian calendar with years that
// begin in March.
func appendDate(b []byte, day int) []byte {
	z := day + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	y := yoe + era*400
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d := doy - (153*mp+2)/5 + 1
	m := mp + 3
	if m > 12 {
		m -= 12
		y++
	}
	b = append2(b, y/100)
	b = append2(b, y%100)
	b = append(b, '-')
	b = append2(b, m)
	b = append(b, '-')
	return append2(b, d)
}

// appendTime writes the second, counted from 1970-01-01 in local time, with
// the zone after it.
func appendTime(b []byte, sec int, zone string) []byte {
	day, s := sec/86400, sec%86400
	if s < 0 { // before 1970
		day, s = day-1, s+86400
	}
	b = appendDate(b, day)
	b = append(b, 'T')
	b = append2(b, s/3600)
	b = append(b, ':')
	b = append2(b, s/60%60)
	b = append(b, ':')
	b = append2(b, s%60)
	return append(b, zone...)
}

// period writes {"start":…,"end":…}.
func (g *Generator) period(b []byte, from, to int) []byte {
	b = append(b, `{"start":"`...)
	b = appendTime(b, from, g.w.zone)
	b = append(b, `","end":"`...)
	b = appendTime(b, to, g.w.zone)
	return append(b, `"}`...)
}

// code is one coding of the tables.
type code struct{ system, code, display string }

const (
	snomed = "http://snomed.info/sct"
	loinc  = "http://loinc.org"
	rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	cvx    = "http://hl7.org/fhir/sid/cvx"
	hl7    = "http://terminology.hl7.org/CodeSystem/"
)

func appendCoding(b []byte, c *code) []byte {
	b = append(b, `{"system":"`...)
	b = append(b, c.system...)
	b = append(b, `","code":"`...)
	b = append(b, c.code...)
	b = append(b, `","display":"`...)
	b = append(b, c.display...)
	return append(b, `"}`...)
}

// appendConcept writes a CodeableConcept with its text.
func appendConcept(b []byte, c *code) []byte {
	b = append(b, `{"coding":[`...)
	b = appendCoding(b, c)
	b = append(b, `],"text":"`...)
	b = append(b, c.display...)
	return append(b, `"}`...)
}

// ref writes a Reference to a resource, urn:uuid or relative.
func (g *Generator) ref(b []byte, k kind, id *uuid) []byte {
	b = append(b, `{"reference":"`...)
	if g.urn {
		b = append(b, "urn:uuid:"...)
	} else {
		b = append(b, k.String()...)
		b = append(b, '/')
	}
	b = append(b, id[:]...)
	return append(b, `"}`...)
}

// refTo is ref with a display, which holds the person's or organization's name.
func (g *Generator) refTo(b []byte, k kind, id *uuid, display string) []byte {
	b = g.ref(b, k, id)
	b = append(b[:len(b)-1], `,"display":"`...)
	b = append(b, display...)
	return append(b, `"}`...)
}

// appendMoney writes a Money of v cents.
func appendMoney(b []byte, v int) []byte {
	b = append(b, `{"value":`...)
	b = appendDecimal(b, v, 2)
	return append(b, `,"currency":"EUR"}`...)
}
