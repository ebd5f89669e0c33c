package fhirbundle

import "bytes"

// A UUID or an OID as a URI. FHIR's patterns are those of the data types uuid and
// oid (http://hl7.org/fhir/R4/datatypes.html#uuid); elements of other types hold
// them too, and then what RFC 9562 and RFC 3061 say is what makes them one.

const oidPrefix = "urn:oid:"

// urnFault is the rule that a URI breaks if it is to be a UUID or an OID; 0 if none.
func urnFault(uri []byte) rule {
	uri, _, _ = bytes.Cut(uri, []byte("#"))
	if rest, small, ok := cutFold(uri, uuidPrefix); ok {
		return uuidFault(rest, small)
	}
	if rest, _, ok := cutFold(uri, oidPrefix); ok && !isOID(rest) {
		return fhirOID
	}
	return 0
}

// uuidFault judges what follows urn:uuid:. small is whether that has no capitals.
func uuidFault(text []byte, small bool) rule {
	if len(text) != len("00000000-0000-0000-0000-000000000000") {
		return fhirUUID
	}
	capital := byte(0)
	for i, c := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return fhirUUID
			}
			continue
		}
		if hexDigit[c] > 15 {
			return fhirUUID
		}
		capital |= c & 0x40 &^ (c << 1) // letters have 0x40, small ones 0x20 too
	}
	if capital != 0 || !small {
		return fhirUUIDCase
	}
	return 0
}

// isOID reports whether text is numbers with dots between them, at least two, of
// which the first is 0, 1 or 2 and none has a zero to lead it.
func isOID(text []byte) bool {
	if len(text) < 3 || text[0]-'0' > 2 || text[1] != '.' {
		return false
	}
	for len(text) > 0 {
		arc, rest, more := bytes.Cut(text, []byte("."))
		if len(arc) == 0 || arc[0] == '0' && len(arc) > 1 || more && len(rest) == 0 {
			return false
		}
		for _, c := range arc {
			if c-'0' > 9 {
				return false
			}
		}
		text = rest
	}
	return true
}

// cutFold cuts a prefix, which has small letters, whatever the case of text. small
// is whether text has it in small letters.
func cutFold(text []byte, prefix string) (rest []byte, small, ok bool) {
	if len(text) < len(prefix) {
		return nil, false, false
	}
	head := text[:len(prefix)]
	if string(head) == prefix {
		return text[len(prefix):], true, true
	}
	if bytes.EqualFold(head, []byte(prefix)) {
		return text[len(prefix):], false, true
	}
	return nil, false, false
}
