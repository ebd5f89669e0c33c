package scan

// nested scans the object or array that starts at data[0]. The loop scans what is
// common. The functions in this file do the rest, and find all faults.
func (s *Scanner) nested(data []byte, depth int) (int, Fault) {
	var (
		o     = cursor{outer: depth, depth: depth, close: s.Marks.close + 1}
		at    = atValue
		view  = data // what the loop reads
		shift = 0    // where view starts
		f     Fault
	)
	for {
		if shift == 0 && o.at > len(data)-reach {
			shift, view = o.at, s.tail[:len(data)-o.at+reach]
			clear(view[copy(view, data[o.at:]):])
		}
		if at, f = s.handle(data, s.loop(view, shift, at, &o), &o); f != OK {
			return o.at, f
		}
		if at == finished {
			return o.at, OK
		}
	}
}

// handle deals with whatever the loop stopped at. It returns where the loop resumes, or
// a fault at o.at.
func (s *Scanner) handle(data []byte, why step, o *cursor) (step, Fault) {
	switch why {
	case newName:
		return s.addName(data, name{o.hash, uint32(o.start), uint32(o.at - o.start)}, o)
	case inName:
		return s.oddName(data, o)
	case inString:
		return s.oddString(data, o)
	case emptyString:
		s.note(EmptyText, o.start-1)
		o.at++
		return afterValue, OK
	case atNumber:
		return s.oddValue(data, o)
	case atEnd:
		return s.end(data, o)
	case atDepth:
		if !s.growFrames(o.depth) {
			return atValue, TooDeep
		}
		return atValue, OK
	}
	if o.at = SkipSpace(data, o.at); o.at >= len(data) {
		return why, More
	}
	c := data[o.at]
	switch why {
	case atFirstName:
		if c == '}' {
			s.note(EmptyObject, o.start)
			return s.end(data, o)
		}
		fallthrough
	case atName:
		if c != '"' {
			return why, FaultAt(c, BadName)
		}
		return atName, OK
	case afterName:
		return s.colon(data, o)
	case atFirstValue:
		if c == ']' {
			s.note(EmptyArray, o.start)
			return s.end(data, o)
		}
		fallthrough
	case atValue:
		if c == '"' || c == '{' || c == '[' {
			return atValue, OK
		}
		return s.oddValue(data, o)
	}
	if o.flags&isArray != 0 {
		if c != ',' && c != ']' {
			return why, FaultAt(c, BadArray)
		}
	} else if c != ',' && c != '}' {
		return why, FaultAt(c, BadObject)
	}
	return afterValue, OK
}

// addName adds a name that ends before the quote at o.at and that the loop could not add.
func (s *Scanner) addName(data []byte, n name, o *cursor) (step, Fault) {
	bit := filterBit(n.hash)
	o.at++
	if o.filter&bit != 0 {
		wide, f := s.admitName(data, n, o.base, o.depth)
		if f != OK {
			o.at = o.start - 1
			return atName, f
		}
		if wide {
			o.flags |= hasExtra
			o.filter = ^uint64(0)
		}
	}
	if s.Marks.asks(bit, o.depth) {
		s.mark(data, s.text(data, n), bit, o.at, o.depth)
	}
	if n.off&inArena == 0 && data[o.start] == '_' {
		o.flags |= hasExtra | hasCompanion
		s.pair(o.at, o.depth)
	}
	o.filter |= bit
	s.names = append(s.names, n)
	if o.at = SkipSpace(data, o.at); o.at >= len(data) {
		return afterName, More
	}
	return s.colon(data, o)
}

// oddName scans the name at data[o.at].
func (s *Scanner) oddName(data []byte, o *cursor) (step, Fault) {
	o.start = o.at + 1
	end, f := String(data, o.start, s.AllowNUL)
	if o.at = end; f != OK {
		return atName, f
	}
	ref, size, hash := s.rareName(data, o.start, end, o.depth)
	if ref&inArena != 0 {
		o.flags |= hasExtra | hasCompanion
	}
	if end-o.start > s.maxString {
		o.at = o.start - 1
		return atName, LongString
	}
	return s.addName(data, name{hash, ref, uint32(size)}, o)
}

// colon skips the colon at data[o.at] and the white space after it.
func (s *Scanner) colon(data []byte, o *cursor) (step, Fault) {
	if data[o.at] != ':' {
		return afterName, FaultAt(data[o.at], BadColon)
	}
	if o.at = SkipSpace(data, o.at+1); o.at >= len(data) {
		return atValue, More
	}
	return atValue, OK
}

// oddString scans the rest, from o.at on, of the string whose text starts at
// data[o.start].
func (s *Scanner) oddString(data []byte, o *cursor) (step, Fault) {
	end, f := String(data, o.at, s.AllowNUL)
	switch {
	case f != OK:
		o.at = end
		return atValue, f
	case end-o.start > s.maxString:
		o.at = o.start - 1
		return atValue, LongString
	case end == o.start:
		s.note(EmptyText, o.start-1)
	}
	o.at = end + 1
	return afterValue, OK
}

// oddValue scans a number or a literal.
func (s *Scanner) oddValue(data []byte, o *cursor) (step, Fault) {
	var f Fault
	at := o.at
	if c := data[at]; c-'0' < 10 || c == '-' {
		o.at, f = number(data, at, false)
		return afterValue, f
	}
	if o.at, f = literal(data, at); f == OK && data[at] == 'n' {
		s.null(o.depth, o.outer, o.flags, at)
	}
	return afterValue, f
}

// end ends the innermost object or array at its closing character, data[o.at].
func (s *Scanner) end(data []byte, o *cursor) (step, Fault) {
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
	if o.depth == s.Marks.close {
		s.Marks.leave(o.at)
	}
	if o.depth == o.outer {
		return finished, OK
	}
	return afterValue, OK
}
