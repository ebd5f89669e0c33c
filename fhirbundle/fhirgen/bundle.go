package fhirgen

// AppendBundle appends a Bundle of one patient with that many entries and
// returns the extended slice. By type:
//
//   - "transaction": every entry has a request, POST Type
//   - "batch": a request, PUT Type/id; fullUrls and references are RESTful
//   - "message": the first entry is a MessageHeader, which counts
//   - "document": the first entry is a Composition, which counts; with
//     identifier and timestamp
//   - "collection", and whatever else is given: plain entries
//
// The type is written as a JSON string, whatever it is, so that Bundles of a
// type that nobody accepts can be made too. With no entries (or a negative
// number) the Bundle has no entry element, since FHIR knows no empty arrays.
// There is no line feed at the end.
func (g *Generator) AppendBundle(dst []byte, bundleType string, entries int) []byte {
	if !g.opts.Indent {
		return g.bundle(dst, bundleType, entries)
	}
	g.tmp = g.bundle(g.tmp[:0], bundleType, entries)
	return appendIndented(dst, g.tmp)
}

func (g *Generator) bundle(b []byte, typ string, entries int) []byte {
	g.urn = typ != "batch"
	first, people := kindCount, entries
	switch typ {
	case "message":
		first = messageHeader
	case "document":
		first = composition
	}
	if first != kindCount {
		people--
	}
	id := g.uuid()
	g.w.begin(g, people)
	b = append(b, `{"resourceType":"Bundle","id":"`...)
	b = append(b, id[:]...)
	b = append(b, `","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST","display":"test health data"}]}`...)
	if typ == "document" {
		b = append(b, `,"identifier":{"system":"urn:ietf:rfc:3986","value":"urn:uuid:`...)
		b = append(b, id[:]...)
		b = append(b, `"}`...)
	}
	b = append(b, `,"type":`...)
	b = appendString(b, typ)
	b = g.when(b, "timestamp", lastDay*86400+g.n(86400))
	for i := range max(entries, 0) {
		k := first
		if i > 0 || first == kindCount {
			k = g.w.next(g)
		}
		if i == 0 {
			b = append(b, `,"entry":[`...)
		} else {
			b = append(b, ',')
		}
		b = g.entry(b, typ, k)
	}
	if entries > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// entry appends one entry: fullUrl, resource, and the request that the type of
// Bundle wants.
func (g *Generator) entry(b []byte, typ string, k kind) []byte {
	id := g.newID(k)
	b = append(b, `{"fullUrl":"`...)
	if g.urn {
		b = append(b, "urn:uuid:"...)
	} else {
		b = append(b, g.opts.BaseURL...)
		b = append(b, '/')
		b = append(b, k.String()...)
		b = append(b, '/')
	}
	b = append(b, id[:]...)
	b = append(b, `","resource":`...)
	b = g.write(b, k, id)
	switch typ {
	case "transaction":
		b = append(b, `,"request":{"method":"POST","url":"`...)
		b = append(b, k.String()...)
		b = append(b, `"}`...)
	case "batch":
		b = append(b, `,"request":{"method":"PUT","url":"`...)
		b = append(b, k.String()...)
		b = append(b, '/')
		b = append(b, id[:]...)
		b = append(b, `"}`...)
	}
	return append(b, '}')
}

// appendString quotes a string that does not come from the tables. What is not
// printable ASCII becomes an escape; a character above the basic plane or
// broken UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		default:
			if r > 0xffff {
				r = 0xfffd
			}
			b = append(b, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
	}
	return append(b, '"')
}
