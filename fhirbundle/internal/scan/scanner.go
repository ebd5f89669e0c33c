// Package scan checks JSON values one at a time, in linear time and without a tree, and
// notes where the members are that its caller asks for. It knows JSON, and what FHIR's
// JSON format says of any value; it knows no element of FHIR.
package scan

import (
	"hash/maphash"
	"slices"
)

// scanner checks one JSON value at a time. It never recurses: what it has to
// remember of each open object or array is a frame.
type Scanner struct {
	frames    []frame // of the levels that are open, and some more
	names     []name  // of the objects that are open, the innermost last
	arena     []byte  // text of names that do not stand in the data
	tables    []slot
	extras    []extra
	nulls     []nullArray
	pairs     []companion
	scratch   []byte
	seed      maphash.Seed
	maxDepth  int
	maxString int
	maxNames  int // of all objects that are open
	maxFound  int
	AllowNUL  bool // as an escape
	weights   *Weights

	Findings []Finding // in the value that was scanned last
	Lost     int64     // findings beyond maxFound
	grave    bool      // one of found is an error

	Marks Marks

	tail   [2 * reach]byte // a copy of the last bytes, for the loop
	inline *inlineBuffers
}

// space is what most payloads do with, in one allocation.
type inlineBuffers struct {
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
	isArray      = 1 << iota
	hasExtra     // scanner.extras ends with one of this object
	hasCompanion // of an object: a name with an underscore came
	counting     // of an array: its elements are counted
)

// limits are what a scanner allows.
type Limits struct {
	Depth    int // objects and arrays that are open
	String   int // bytes of one string
	Names    int // of all objects that are open
	Findings int // findings that are listed
}

// start makes a new scanner ready.
func (s *Scanner) Init() {
	s.seed = maphash.MakeSeed()
	s.inline = new(inlineBuffers)
	s.Release()
}

// use makes it ready for a payload. Before that it was released.
func (s *Scanner) Use(l Limits, w *Weights, t *Table) {
	s.maxDepth, s.maxString, s.maxNames, s.maxFound = l.Depth, l.String, l.Names, l.Findings
	s.weights, s.AllowNUL, s.Marks.table = w, false, t
	if s.frames = s.frames[:cap(s.frames)]; len(s.frames) > l.Depth {
		s.frames = s.frames[:l.Depth]
	}
}

// release lets go of what was read. It keeps frames, if they are not too many, since
// they hold nothing of a payload.
func (s *Scanner) Release() {
	if n := cap(s.frames); n < len(s.inline.frames) || n > maxFrames {
		s.frames = s.inline.frames[:]
	}
	s.names, s.arena, s.extras = s.inline.names[:0], s.inline.arena[:0], s.inline.extras[:0]
	s.tables, s.nulls, s.pairs, s.scratch = nil, nil, nil, nil
	s.Findings, s.Lost, s.grave = nil, 0, false
	s.tail = [2 * reach]byte{}
	s.Marks.Marking, s.Marks.Deep = MarkNothing, s.inline.deepAt[:0]
}

// maxFrames is how many frames a scanner keeps for the next payload.
const maxFrames = 4096

// value scans the value that starts at data[0], which is not white space, and
// returns the index after it. depth is the number of objects and arrays that
// are open around it. final says that nothing follows data: only a number has
// to know. Where it returns a fault, the index is where the fault is.
//
// It is a function of the bytes up to where it stops: with the fault more, it
// can be called again with more data and comes to the same end.
func (s *Scanner) Value(data []byte, depth int, final bool) (int, Fault) {
	s.Findings, s.Lost, s.grave = s.Findings[:0], 0, false
	s.Marks.reset(depth)
	switch c := data[0]; {
	case c == '{' || c == '[':
		names, arena, tables, extras := len(s.names), len(s.arena), len(s.tables), len(s.extras)
		end, f := s.nested(data, depth)
		if len(s.Findings) > 1 {
			slices.SortFunc(s.Findings, func(a, b Finding) int { return a.At - b.At })
		}
		if f != OK {
			s.names, s.arena, s.tables, s.extras = s.names[:names], s.arena[:arena], s.tables[:tables], s.extras[:extras]
			s.nulls, s.pairs = s.nulls[:0], s.pairs[:0]
		}
		return end, f
	case c == '"':
		end, f := String(data, 1, s.AllowNUL)
		if f != OK {
			return end, f
		}
		if end-1 > s.maxString {
			return 0, LongString
		}
		if end == 1 {
			s.note(EmptyText, 0)
		}
		return end + 1, OK
	case c == '-' || c-'0' < 10:
		return number(data, 0, final)
	case c == 'n':
		s.note(MisplacedNull, 0)
		return literal(data, 0)
	default:
		return literal(data, 0)
	}
}

// deepen makes room for one more level; false if that would be one too many.
func (s *Scanner) growFrames(depth int) bool {
	if depth >= s.maxDepth {
		return false
	}
	frames := make([]frame, min(max(2*len(s.frames), depth+1), s.maxDepth))
	copy(frames, s.frames)
	s.frames = frames
	return true
}

// open begins an object whose names outlive the data that they were read from. It has
// no others around it.
func (s *Scanner) OpenObject() { s.extraOf(1) }

// addName takes in a name of the object that open began. All its names together have
// at most the given number of bytes.
func (s *Scanner) AddName(text []byte, most int) Fault {
	n := name{HashName(text), uint32(len(s.arena)) | inArena, uint32(len(text))}
	s.arena = append(s.arena, text...)
	_, f := s.admitName(nil, n, 0, 1)
	s.names = append(s.names, n)
	if f == OK && len(s.arena) > most {
		f = LongEntry
	}
	return f
}

// openNames is how many names the objects have that are open.
func (s *Scanner) OpenNames() int { return len(s.names) }

// text scans the string that starts at data[0], if it is short and ends there, and
// returns its end; 0 if it is for value to scan.
func (s *Scanner) ShortString(data []byte, most int) int {
	end, f := String(data, 1, s.AllowNUL)
	if f != OK || end == 1 || end >= min(s.maxString, most) {
		return 0
	}
	s.Marks.Marking, s.Findings, s.Lost, s.grave = MarkNothing, s.Findings[:0], 0, false
	return end + 1
}

// leave ends an object that has an extra.
func (s *Scanner) leave(data []byte, base, depth int) {
	e := s.extras[len(s.extras)-1]
	s.checkPairs(data, base, e)
	s.checkNulls(data, base, e)
	s.extras = s.extras[:len(s.extras)-1]
	s.arena = s.arena[:e.arena]
	s.tables = s.tables[:e.table]
}
