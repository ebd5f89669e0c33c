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
	weights   *weights

	found []finding // in the value that was scanned last
	lost  int64     // findings beyond maxFound
	grave bool      // one of found is an error

	marks marks

	tail  [2 * reach]byte // a copy of the last bytes, for the loop
	space *space
}

// space is what most payloads do with, in one allocation.
type space struct {
	frames [16]frame
	names  [24]name
	extras [2]extra
	arena  [64]byte
	deepAt [24]uint32
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

// kind is what kind of finding one is: what JSON allows and FHIR's JSON format does
// not (http://hl7.org/fhir/R4/json.html).
type kind uint8

const (
	misplacedNull kind = iota
	emptyArray
	emptyObject
	emptyText
	unaligned // x and _x are not arrays of the same length
	noValues  // an array _x without x has no null
	bothNull  // x and _x have null at the same index
	comments  // a member has a name for comments
	kindCount
)

// weight is what becomes of a finding.
type weight uint8

const (
	ignored weight = iota
	noted
	grave // the first one is listed even if there is no room
)

// weights are by kind.
type weights [kindCount]weight

// finding is one at an offset in the scanned data.
type finding struct {
	kind kind
	at   int
}

// limits are what a scanner allows.
type limits struct {
	depth int // objects and arrays that are open
	text  int // bytes of one string
	names int // of all objects that are open
	finds int // findings that are listed
}

// start makes a new scanner ready.
func (s *scanner) start() {
	s.seed = maphash.MakeSeed()
	s.space = new(space)
	s.release()
}

// use makes it ready for a payload. Before that it was released.
func (s *scanner) use(l limits, w *weights, t *nameTable) {
	s.maxDepth, s.maxString, s.maxNames, s.maxFound = l.depth, l.text, l.names, l.finds
	s.weights, s.allowNUL, s.marks.table = w, false, t
	if s.frames = s.frames[:cap(s.frames)]; len(s.frames) > l.depth {
		s.frames = s.frames[:l.depth]
	}
}

// release lets go of what was read. It keeps frames, if they are not too many, since
// they hold nothing of a payload.
func (s *scanner) release() {
	if n := cap(s.frames); n < len(s.space.frames) || n > maxFrames {
		s.frames = s.space.frames[:]
	}
	s.names, s.arena, s.extras = s.space.names[:0], s.space.arena[:0], s.space.extras[:0]
	s.tables, s.nulls, s.pairs, s.scratch = nil, nil, nil, nil
	s.found, s.lost, s.grave = nil, 0, false
	s.tail = [2 * reach]byte{}
	s.marks.kind, s.marks.deepAt = markNothing, s.space.deepAt[:0]
}

// maxFrames is how many frames a scanner keeps for the next payload.
const maxFrames = 4096

func (s *scanner) note(k kind, at int) {
	w := s.weights[k]
	if w == ignored {
		return
	}
	if len(s.found) >= s.maxFound && (w != grave || s.grave) {
		s.lost++
		return
	}
	s.grave = s.grave || w == grave
	s.found = append(s.found, finding{k, at})
}

// value scans the value that starts at data[0], which is not white space, and
// returns the index after it. depth is the number of objects and arrays that
// are open around it. final says that nothing follows data: only a number has
// to know. Where it returns a fault, the index is where the fault is.
//
// It is a function of the bytes up to where it stops: with the fault more, it
// can be called again with more data and comes to the same end.
func (s *scanner) value(data []byte, depth int, final bool) (int, fault) {
	s.found, s.lost, s.grave = s.found[:0], 0, false
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
			s.note(emptyText, 0)
		}
		return end + 1, fine
	case c == '-' || c-'0' < 10:
		return number(data, 0, final)
	case c == 'n':
		s.note(misplacedNull, 0)
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
		return i, faultAt(data[i], badValue)
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

// faultAt is the fault f, or what the byte that does not fit says by itself: it is a
// NUL, or starts a comment.
func faultAt(c byte, f fault) fault {
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

// open begins an object whose names outlive the data that they were read from. It has
// no others around it.
func (s *scanner) open() { s.extraOf(1) }

// addName takes in a name of the object that open began. All its names together have
// at most the given number of bytes.
func (s *scanner) addName(text []byte, most int) fault {
	n := name{hashName(text), uint32(len(s.arena)) | inArena, uint32(len(text))}
	s.arena = append(s.arena, text...)
	_, f := s.admit(nil, n, 0, 1)
	s.names = append(s.names, n)
	if f == fine && len(s.arena) > most {
		f = longEntry
	}
	return f
}

// openNames is how many names the objects have that are open.
func (s *scanner) openNames() int { return len(s.names) }

// text scans the string that starts at data[0], if it is short and ends there, and
// returns its end; 0 if it is for value to scan.
func (s *scanner) shortText(data []byte, most int) int {
	end, f := scanString(data, 1, s.allowNUL)
	if f != fine || end == 1 || end >= min(s.maxString, most) {
		return 0
	}
	s.marks.kind, s.found, s.lost, s.grave = markNothing, s.found[:0], 0, false
	return end + 1
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
