package scan

import "slices"

// FHIR's JSON format keeps the id and the extensions of a primitive x in a member _x.
// Either both are arrays of the same length, or neither is an array
// (http://hl7.org/fhir/R4/json.html#primitive).

// companion is a member of an open object whose name starts with an underscore or has
// escapes.
type companion struct {
	name  int // an index into Scanner.names
	at    int // after the name's closing quote
	count int // of elements if it is an array
}

// pair adds a companion whose name is about to be added to Scanner.names. at is the index
// after its closing quote.
func (s *Scanner) pair(at, depth int) {
	s.extraOf(depth)
	s.pairs = append(s.pairs, companion{name: len(s.names), at: at})
}

// counts reports whether the last name is a companion, and starts counting the elements
// of its array. names is the number of names, because the loop keeps its own count.
func (s *Scanner) counts(names int) bool {
	n := len(s.pairs)
	if n == 0 || s.pairs[n-1].name != names-1 {
		return false
	}
	s.pairs[n-1].count = 1
	return true
}

// checkPairs checks the companions in an object that closes.
func (s *Scanner) checkPairs(data []byte, base int, e extra) {
	for _, p := range s.pairs[e.pairs:] {
		text := s.text(data, s.names[p.name])
		if len(text) == 0 || text[0] != '_' {
			continue
		}
		text = text[1:]
		value := ValueAt(data, p.at)
		isList := data[value] == '['
		x := s.find(data, base, text, HashName(text), e.wide)
		if x < 0 {
			if isList && data[FirstElement(data, value)] != ']' && !s.holdsNull(p.name, e) { // null and [] are findings of their own
				s.note(NoValues, p.at-len(text)-len(`"_"`))
			}
			continue
		}
		at := ValueAt(data, s.nameEnd(x, e))
		hasList := data[at] == '['
		switch {
		case isList != hasList || isList && countPrimitives(data, at) != p.count:
			s.note(Unaligned, p.at-len(text)-len(`"_"`))
		case isList && s.holdsNull(p.name, e) && s.holdsNull(x, e):
			s.checkBothNull(data, at, value)
		}
	}
	s.pairs = s.pairs[:e.pairs]
}

// holdsNull reports whether the value of Scanner.names[name], in the object that closes,
// is an array with a null.
func (s *Scanner) holdsNull(name int, e extra) bool {
	_, found := slices.BinarySearchFunc(s.nulls[e.nulls:], name, func(n nullArray, name int) int { return n.name - name })
	return found
}

// checkBothNull checks an array of values and its companion, which start at data[x]
// and data[y] and have the same length. A null at the same index in both means an element
// with neither a value nor children (http://hl7.org/fhir/R4/element.html#ele-1).
func (s *Scanner) checkBothNull(data []byte, x, y int) {
	y = FirstElement(data, y)
	Elements(data, x, func(at int) bool {
		if data[at] == 'n' && data[y] == 'n' {
			s.note(BothNull, y)
		}
		y = NextElement(data, SkipValue(data, y))
		return true
	})
}

// nameEnd returns the index after the closing quote of Scanner.names[x], in the object
// that closes.
func (s *Scanner) nameEnd(x int, e extra) int {
	n := s.names[x]
	if n.off&inArena == 0 {
		return int(n.off+n.size) + 1
	}
	pairs := s.pairs[e.pairs:]
	i, _ := slices.BinarySearchFunc(pairs, x, func(p companion, x int) int { return p.name - x })
	return pairs[i].at
}

// countPrimitives counts the elements of the array at data[i]. It returns -1 if one is
// an object or an array.
func countPrimitives(data []byte, i int) (n int) {
	Elements(data, i, func(at int) bool {
		n++
		if data[at] == '{' || data[at] == '[' {
			n = -1
		}
		return n > 0
	})
	return n
}

// null is allowed only in an array of primitives x and in its companion _x, to keep the
// two aligned (http://hl7.org/fhir/R4/json.html#null). Whether an array has a companion is
// known when its object closes.

// nullArray is an array that has a null and therefore needs a companion.
type nullArray struct {
	name int // the array's name, an index into Scanner.names
	at   int // its first null
}

// null checks a null at data[at] in an object or array that has the given flags.
func (s *Scanner) null(depth, outer int, flags uint8, at int) {
	if flags&isArray == 0 || depth-1 <= outer {
		s.note(MisplacedNull, at)
		return
	}
	parent := &s.frames[depth-1]
	if parent.flags&isArray != 0 {
		s.note(MisplacedNull, at)
		return
	}
	parent.flags |= hasExtra
	s.extraOf(depth - 1)
	name := len(s.names) - 1
	if n := len(s.nulls); n == 0 || s.nulls[n-1].name != name {
		s.nulls = append(s.nulls, nullArray{name, at})
	}
}

// checkNulls checks the nulls in the arrays of an object that closes.
func (s *Scanner) checkNulls(data []byte, base int, e extra) {
	for _, n := range s.nulls[e.nulls:] {
		text := s.text(data, s.names[n.name])
		if len(text) > 0 && text[0] == '_' {
			text = text[1:]
		} else {
			s.scratch = append(append(s.scratch[:0], '_'), text...)
			text = s.scratch
		}
		if s.find(data, base, text, HashName(text), e.wide) < 0 {
			s.note(MisplacedNull, n.at)
		}
	}
	s.nulls = s.nulls[:e.nulls]
}
