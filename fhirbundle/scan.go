package fhirbundle

import (
	"hash/maphash"
	"slices"
)

// scanner checks one JSON value at a time. It never recurses: what it has to
// remember of each open object or array is a frame.
type scanner struct {
	frames    []frame // of the levels that are open, and some more
	names     []name  // of the objects that are open, the innermost last
	arena     []byte  // text of names that do not stand in the data
	tables    []slot
	extras    []extra
	nulls     []fillIn
	pairs     []companion
	scratch   []byte
	seed      maphash.Seed
	maxDepth  int
	maxString int
	maxNames  int // of all objects that are open
	maxFound  int
	allowNUL  bool // as an escape
	severity  *severities

	found []finding // in the value that was scanned last
	lost  int64     // findings beyond maxFound

	marks marks

	room *room
}

// room is what most payloads do with, in one allocation.
type room struct {
	frames [16]frame
	names  [24]name
	extras [2]extra
	arena  [64]byte
	refs   [24]uint32
}

// frame is what an object or array goes on with once its child has ended.
type frame struct {
	filter uint64
	base   uint32 // its first name in scanner.names
	flags  uint8
}

const (
	isArray  = 1 << iota
	hasExtra // scanner.extras ends with one of this object
	paired   // of an object: a name with an underscore came
	counting // of an array: its elements are counted
)

// finding is a rule that is broken at an offset in the scanned data.
type finding struct {
	rule rule
	at   int
}

// start makes a scanner ready that has room.
func (s *scanner) start(o *options, severity *severities) {
	s.seed = maphash.MakeSeed()
	s.restart(o, severity)
}

// restart makes it ready for another payload. It keeps frames, if they are not too
// many, since they hold nothing of a payload.
func (s *scanner) restart(o *options, severity *severities) {
	s.maxDepth, s.maxString, s.maxNames, s.maxFound = o.maxDepth, o.maxString, o.maxNames(), o.maxIssues
	s.severity, s.allowNUL = severity, false
	if n := cap(s.frames); n > len(s.room.frames) && n*frameBytes <= maxKept {
		s.frames = s.frames[:min(n, o.maxDepth)]
	} else {
		s.frames = s.room.frames[:min(o.maxDepth, len(s.room.frames))]
	}
	s.names, s.arena, s.extras = s.room.names[:0], s.room.arena[:0], s.room.extras[:0]
	s.tables, s.nulls, s.pairs, s.scratch = nil, nil, nil, nil
	s.found, s.lost = nil, 0
	s.marks = marks{basic: o.basic, refs: s.room.refs[:0]}
}

func (s *scanner) note(r rule, at int) {
	if s.severity[r] == None {
		return
	}
	if len(s.found) >= s.maxFound {
		s.lost++
		return
	}
	s.found = append(s.found, finding{r, at})
}

// value scans the value that starts at data[0], which is not white space, and
// returns the index behind it. depth is the number of objects and arrays that
// are open around it. final says that nothing follows data: only a number has
// to know. Where it returns a fault, the index is where the fault is.
//
// It is a function of the bytes up to where it stops: with the fault more, it
// can be called again with more data and comes to the same end.
func (s *scanner) value(data []byte, depth int, final bool) (int, fault) {
	s.found, s.lost = s.found[:0], 0
	s.marks.reset(depth)
	switch c := data[0]; {
	case c == '{' || c == '[':
		names, arena, tables, extras := len(s.names), len(s.arena), len(s.tables), len(s.extras)
		end, f := s.nested(data, depth)
		if len(s.found) > 1 {
			slices.SortFunc(s.found, func(a, b finding) int { return a.at - b.at })
		}
		if f != fine {
			s.names, s.arena, s.tables, s.extras = s.names[:names], s.arena[:arena], s.tables[:tables], s.extras[:extras]
			s.nulls, s.pairs = s.nulls[:0], s.pairs[:0]
		}
		return end, f
	case c == '"':
		end, f := scanString(data, 1, s.allowNUL)
		if f != fine {
			return end, f
		}
		if end-1 > s.maxString {
			return 0, longString
		}
		if end == 1 {
			s.note(fhirEmptyString, 0)
		}
		return end + 1, fine
	case c == '-' || c-'0' < 10:
		return number(data, 0, final)
	case c == 'n':
		s.note(fhirNull, 0)
		return literal(data, 0)
	default:
		return literal(data, 0)
	}
}

// literal scans true, false or null at data[i].
func literal(data []byte, i int) (int, fault) {
	var want string
	switch data[i] {
	case 't':
		want = "true"
	case 'f':
		want = "false"
	case 'n':
		want = "null"
	default:
		return i, orNUL(data[i], badValue)
	}
	for k := range len(want) {
		if i+k >= len(data) {
			return i + k, more
		}
		if data[i+k] != want[k] {
			return i, badLiteral
		}
	}
	return i + len(want), fine
}

// spot is where in an object or array walk starts.
type spot uint8

const (
	beforeValue spot = iota // of a value
	behindValue             // behind a value
	beforeName              // where a name should be
	behindName              // behind a name that was taken in
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
		if flags&paired != 0 && s.counts() {
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
			return i, orNUL(c, badArray)
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
		return i, orNUL(c, badObject)
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
		return i, orNUL(c, badName)
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
			return i, orNUL(data[i], badColon)
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

// deepen makes room for one more level; false if that would be one too many.
func (s *scanner) deepen(depth int) bool {
	if depth >= s.maxDepth {
		return false
	}
	frames := make([]frame, min(max(2*len(s.frames), depth+1), s.maxDepth))
	copy(frames, s.frames)
	s.frames = frames
	return true
}

// orNUL is the fault f, or what the byte that does not fit says by itself: it is a
// NUL, or starts a comment.
func orNUL(c byte, f fault) fault {
	switch c {
	case 0:
		return badNUL
	case '/':
		return badComment
	}
	return f
}

// rareName makes a name that is not plain ASCII comparable: its text stands
// in data[start:end]. If it has escapes its text goes into the arena.
func (s *scanner) rareName(data []byte, start, end, depth int) (ref uint32, size int, hash uint64) {
	text := data[start:end]
	ref, size = uint32(start), len(text)
	for _, c := range text {
		if c == '\\' {
			s.pair(end+1, depth) // it is found again only there
			n := len(s.arena)
			s.arena = unescape(s.arena, text)
			text = s.arena[n:]
			ref, size = uint32(n)|inArena, len(text)
			break
		}
	}
	return ref, size, hashName(text)
}

// leave ends an object that has an extra.
func (s *scanner) leave(data []byte, base, depth int) {
	e := s.extras[len(s.extras)-1]
	s.checkPairs(data, base, e)
	s.checkNulls(data, base, e)
	s.extras = s.extras[:len(s.extras)-1]
	s.arena = s.arena[:e.arena]
	s.tables = s.tables[:e.table]
}
