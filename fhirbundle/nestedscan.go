package fhirbundle

// nested scans the object or array that starts at data[0]. The loop does what is
// usual; the functions here do the rest, and find all faults.
func (s *scanner) nested(data []byte, depth int) (int, fault) {
	var (
		o    = cursor{outer: depth, depth: depth, close: s.marks.close + 1}
		at   = atValue
		text = data
		base = 0
		f    fault
	)
	for {
		if base == 0 && o.at > len(data)-reach {
			base, text = o.at, s.tail[:len(data)-o.at+reach]
			clear(text[copy(text, data[o.at:]):])
		}
		if at, f = s.rest(data, s.loop(text, base, at, &o), &o); f != fine {
			return o.at, f
		}
		if at == finished {
			return o.at, fine
		}
	}
}

// rest does what the loop stopped for. It returns where the loop goes on, or a
// fault at o.at.
func (s *scanner) rest(data []byte, why step, o *cursor) (step, fault) {
	switch why {
	case newName:
		return s.newName(data, name{o.hash, uint32(o.start), uint32(o.at - o.start)}, o)
	case inName:
		return s.oddName(data, o)
	case inString:
		return s.oddString(data, o)
	case emptyString:
		s.note(emptyText, o.start-1)
		o.at++
		return afterValue, fine
	case atNumber:
		return s.oddValue(data, o)
	case atEnd:
		return s.end(data, o)
	case atDepth:
		if !s.deepen(o.depth) {
			return atValue, tooDeep
		}
		return atValue, fine
	}
	if o.at = skipSpace(data, o.at); o.at >= len(data) {
		return why, more
	}
	c := data[o.at]
	switch why {
	case atFirstName:
		if c == '}' {
			s.note(emptyObject, o.start)
			return s.end(data, o)
		}
		fallthrough
	case atName:
		if c != '"' {
			return why, faultAt(c, badName)
		}
		return atName, fine
	case afterName:
		return s.colon(data, o)
	case atFirstValue:
		if c == ']' {
			s.note(emptyArray, o.start)
			return s.end(data, o)
		}
		fallthrough
	case atValue:
		if c == '"' || c == '{' || c == '[' {
			return atValue, fine
		}
		return s.oddValue(data, o)
	}
	if o.flags&isArray != 0 {
		if c != ',' && c != ']' {
			return why, faultAt(c, badArray)
		}
	} else if c != ',' && c != '}' {
		return why, faultAt(c, badObject)
	}
	return afterValue, fine
}

// newName takes in a name that the loop could not, which ends before the quote at
// o.at.
func (s *scanner) newName(data []byte, n name, o *cursor) (step, fault) {
	bit := filterBit(n.hash)
	o.at++
	if o.filter&bit != 0 {
		wide, f := s.admit(data, n, o.base, o.depth)
		if f != fine {
			o.at = o.start - 1
			return atName, f
		}
		if wide {
			o.flags |= hasExtra
			o.filter = ^uint64(0)
		}
	}
	if s.marks.asks(bit, o.depth) {
		s.mark(data, s.text(data, n), bit, o.at, o.depth)
	}
	if n.off&inArena == 0 && data[o.start] == '_' {
		o.flags |= hasExtra | paired
		s.pair(o.at, o.depth)
	}
	o.filter |= bit
	s.names = append(s.names, n)
	if o.at = skipSpace(data, o.at); o.at >= len(data) {
		return afterName, more
	}
	return s.colon(data, o)
}

// oddName scans the name at data[o.at].
func (s *scanner) oddName(data []byte, o *cursor) (step, fault) {
	o.start = o.at + 1
	end, f := scanString(data, o.start, s.allowNUL)
	if o.at = end; f != fine {
		return atName, f
	}
	ref, size, hash := s.rareName(data, o.start, end, o.depth)
	if ref&inArena != 0 {
		o.flags |= hasExtra | paired
	}
	if end-o.start > s.maxString {
		o.at = o.start - 1
		return atName, longString
	}
	return s.newName(data, name{hash, ref, uint32(size)}, o)
}

// colon goes on after the colon at data[o.at].
func (s *scanner) colon(data []byte, o *cursor) (step, fault) {
	if data[o.at] != ':' {
		return afterName, faultAt(data[o.at], badColon)
	}
	if o.at = skipSpace(data, o.at+1); o.at >= len(data) {
		return atValue, more
	}
	return atValue, fine
}

// oddString scans the string whose text starts at data[o.start], and of which what is
// before o.at was seen.
func (s *scanner) oddString(data []byte, o *cursor) (step, fault) {
	end, f := scanString(data, o.at, s.allowNUL)
	switch {
	case f != fine:
		o.at = end
		return atValue, f
	case end-o.start > s.maxString:
		o.at = o.start - 1
		return atValue, longString
	case end == o.start:
		s.note(emptyText, o.start-1)
	}
	o.at = end + 1
	return afterValue, fine
}

// oddValue scans a number or a literal.
func (s *scanner) oddValue(data []byte, o *cursor) (step, fault) {
	var f fault
	at := o.at
	if c := data[at]; c-'0' < 10 || c == '-' {
		o.at, f = number(data, at, false)
		return afterValue, f
	}
	if o.at, f = literal(data, at); f == fine && data[at] == 'n' {
		s.null(o.depth, o.outer, o.flags, at)
	}
	return afterValue, f
}

// end ends the innermost object or array at its closing character, data[o.at].
func (s *scanner) end(data []byte, o *cursor) (step, fault) {
	if o.flags&isArray == 0 {
		if o.flags&hasExtra != 0 {
			s.leave(data, o.base, o.depth)
		}
		s.names = s.names[:o.base]
	}
	o.at++
	o.depth--
	last := &s.frames[o.depth]
	o.filter, o.base, o.flags = last.filter, int(last.base), last.flags
	if o.depth == s.marks.close {
		s.marks.leave(o.at)
	}
	if o.depth == o.outer {
		return finished, fine
	}
	return afterValue, fine
}
