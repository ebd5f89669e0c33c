package fhirbundle

// In FHIR's JSON null stands only in an array of primitives x, or in its
// companion _x, to keep the two aligned (http://hl7.org/fhir/R4/json.html#null).
// Whether an array has a companion is known where its object ends.

// fillIn is an array that holds a null and needs a companion.
type fillIn struct {
	name int // the array's name, an index into scanner.names
	at   int // its first null
}

// null judges a null at data[at] inside an object or array with the flags given.
func (s *scanner) null(depth, outer int, flags uint8, at int) {
	if flags&isArray == 0 || depth-1 <= outer {
		s.note(misplacedNull, at)
		return
	}
	parent := &s.frames[depth-1]
	if parent.flags&isArray != 0 {
		s.note(misplacedNull, at)
		return
	}
	parent.flags |= hasExtra
	s.extraOf(depth - 1)
	name := len(s.names) - 1
	if n := len(s.nulls); n == 0 || s.nulls[n-1].name != name {
		s.nulls = append(s.nulls, fillIn{name, at})
	}
}

// checkNulls judges the nulls in arrays of an object that ends.
func (s *scanner) checkNulls(data []byte, base int, e extra) {
	for _, n := range s.nulls[e.nulls:] {
		text := s.text(data, s.names[n.name])
		if len(text) > 0 && text[0] == '_' {
			text = text[1:]
		} else {
			s.scratch = append(append(s.scratch[:0], '_'), text...)
			text = s.scratch
		}
		if s.find(data, base, text, hashName(text), e.wide) < 0 {
			s.note(misplacedNull, n.at)
		}
	}
	s.nulls = s.nulls[:e.nulls]
}
