package fhirbundle

// spot is where in an object or array walk starts.
type spot uint8

const (
	beforeValue spot = iota // of a value
	behindValue             // after a value
	beforeName              // where a name should be
	behindName              // after a name that was taken in
)

// open is what a walk through an object or array knows of where it is.
type open struct {
	at     spot
	i      int    // in the data
	outer  int    // objects and arrays around the value
	depth  int    // objects and arrays that are open
	filter uint64 // of the innermost object
	base   int    // its first name
	flags  uint8  // of the innermost object or array

	close int // the depth down to which nested looks at ends
	start int // of the string or name that nested is at
	hash  uint64
}

// walk goes on through an object or array to its end. It checks each index, so
// it can go anywhere, and all faults are found here.
//
// The loop is one function, with its state in local variables and jumps between
// its parts, because this is where the time goes: a name or a value that is
// usual takes a few instructions for eight bytes and no call.
func (s *scanner) walk(data []byte, o *open) (int, fault) {
	var (
		outer  = o.outer
		depth  = o.depth
		i      = o.i // where we are
		c      byte  // data[i]
		filter = o.filter
		base   = o.base
		flags  = o.flags
		start  int
		w, m   uint64
		h, bit uint64
		ref    uint32
		size   int
		f      fault
		last   *frame
	)
	i = skipSpace(data, i)
	if uint(i) >= uint(len(data)) {
		return len(data), more
	}
	c = data[i]
	switch o.at {
	case behindValue:
		goto after
	case beforeName:
		goto name
	case behindName:
		goto colon
	}

value:
	// A value starts at data[i], and c is its first byte.
	if c == '"' {
		i++
		start = i
		for {
			if m = special(load(data, i)); m == 0 {
				i += 8
				continue
			}
			i += first(m)
			if uint(i) >= uint(len(data)) {
				return len(data), more
			}
			if data[i] == '"' {
				break
			}
			if i, f = unusual(data, i, s.allowNUL); f != fine {
				return i, f
			}
		}
		if uint(i-start)-1 >= uint(s.maxString) {
			if i != start {
				return start - 1, longString
			}
			s.note(fhirEmptyString, start-1)
		}
		i++
		goto after
	}
	if c == '{' {
		if uint(depth) >= uint(len(s.frames)) && !s.deepen(depth) {
			return i, tooDeep
		}
		last = &s.frames[depth]
		last.filter, last.base, last.flags = filter, uint32(base), flags
		depth++
		filter, base, flags = 0, len(s.names), 0
		start = i
		i++
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
		if c <= ' ' {
			i = skipSpace(data, i)
			if uint(i) >= uint(len(data)) {
				return len(data), more
			}
			c = data[i]
		}
		if c == '}' {
			s.note(fhirEmptyObject, start)
			goto pop
		}
		goto name
	}
	if c-'0' < 10 || c == '-' {
		if i, f = number(data, i, false); f != fine {
			return i, f
		}
		goto after
	}
	if c == '[' {
		if uint(depth) >= uint(len(s.frames)) && !s.deepen(depth) {
			return i, tooDeep
		}
		last = &s.frames[depth]
		last.filter, last.base, last.flags = filter, uint32(base), flags
		depth++
		if flags&paired != 0 && s.counts(len(s.names)) {
			flags = isArray | counting
		} else {
			flags = isArray
		}
		start = i
		i++
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
		if c <= ' ' {
			i = skipSpace(data, i)
			if uint(i) >= uint(len(data)) {
				return len(data), more
			}
			c = data[i]
		}
		if c == ']' {
			s.note(fhirEmptyArray, start)
			goto pop
		}
		goto value
	}
	start = i
	if i, f = literal(data, i); f != fine {
		return i, f
	}
	if c == 'n' {
		s.null(depth, outer, flags, start)
	}

after:
	// A value has ended before data[i].
	if uint(i) >= uint(len(data)) {
		return len(data), more
	}
	c = data[i]
	if c <= ' ' {
		i = skipSpace(data, i)
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
	}
	if flags&isArray != 0 {
		if c != ',' {
			if c == ']' {
				goto pop
			}
			return i, faultAt(c, badArray)
		}
		if flags&counting != 0 {
			s.pairs[len(s.pairs)-1].count++
		}
		i++
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
		if c <= ' ' {
			i = skipSpace(data, i)
			if uint(i) >= uint(len(data)) {
				return len(data), more
			}
			c = data[i]
		}
		goto value
	}
	if c != ',' {
		if c == '}' {
			goto pop
		}
		return i, faultAt(c, badObject)
	}
	i++
	if uint(i) >= uint(len(data)) {
		return len(data), more
	}
	c = data[i]
	if c <= ' ' {
		i = skipSpace(data, i)
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
	}

name:
	// A name should start at data[i], and c is its first byte.
	if c != '"' {
		return i, faultAt(c, badName)
	}
	i++
	start = i
	w = load(data, i)
	m = special(w)
	if m != 0 {
		h = w & ((m&-m)>>7 - 1) // the bytes below the mark belong to the name
	} else {
		for h = w; ; h = chain(h, w) {
			i += 8
			w = load(data, i)
			if m = special(w); m != 0 {
				break
			}
		}
		h = chain(h, w&((m&-m)>>7-1))
	}
	i += first(m)
	if uint(i) >= uint(len(data)) {
		return len(data), more
	}
	ref, size = uint32(start), i-start
	if data[i] != '"' {
		// Rare: the name holds an escape or is not ASCII.
		if i, f = scanString(data, i, s.allowNUL); f != fine {
			return i, f
		}
		if ref, size, h = s.rareName(data, start, i, depth); ref&inArena != 0 {
			flags |= hasExtra | paired
		}
	}
	if i-start > s.maxString {
		return start - 1, longString
	}
	i++
	bit = filterBit(h)
	if (filter|s.marks.filter)&bit != 0 {
		if filter&bit != 0 {
			var wide bool
			if wide, f = s.admit(data, name{h, ref, uint32(size)}, base, depth); f != fine {
				return start - 1, f
			}
			if wide {
				flags |= hasExtra
				filter = ^uint64(0)
			}
		}
		if s.marks.asks(bit, depth) {
			s.mark(data, s.text(data, name{h, ref, uint32(size)}), bit, i, depth)
		}
	}
	if data[start] == '_' && ref&inArena == 0 {
		flags |= hasExtra | paired
		s.pair(i, depth)
	}
	filter |= bit
	s.names = append(s.names, name{h, ref, uint32(size)})

colon:
	// The colon, and the start of the value.
	if uint(i) >= uint(len(data)) {
		return len(data), more
	}
	if data[i] != ':' {
		i = skipSpace(data, i)
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		if data[i] != ':' {
			return i, faultAt(data[i], badColon)
		}
	}
	i++
	if uint(i) >= uint(len(data)) {
		return len(data), more
	}
	c = data[i]
	if c == ' ' {
		i++
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
	}
	if c <= ' ' {
		i = skipSpace(data, i)
		if uint(i) >= uint(len(data)) {
			return len(data), more
		}
		c = data[i]
	}
	goto value

pop:
	// The closing character of the innermost object or array is data[i].
	i++
	if flags&isArray == 0 {
		if flags&hasExtra != 0 {
			s.leave(data, base, depth)
		}
		s.names = s.names[:base]
	}
	depth--
	last = &s.frames[depth]
	filter, base, flags = last.filter, int(last.base), last.flags
	if depth <= s.marks.close {
		if depth == s.marks.close && s.marks.open != nowhere {
			s.marks.end[s.marks.open] = i
			s.marks.open = nowhere
		}
		if depth == outer {
			return i, fine
		}
	}
	goto after
}
