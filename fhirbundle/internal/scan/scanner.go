// Package scan checks JSON values one at a time, in linear time and without a tree, and
// notes where the members are that its caller asks for. It knows JSON, and what FHIR's
// JSON format says of any value; it knows no element of FHIR.
package scan

import (
	"hash/maphash"
	"slices"
)

// Scanner checks one JSON value at a time. It doesn't recurse: each open object or array
// has a frame.
type Scanner struct {
	frames    []frame // of the levels that are open, and some more
	names     []name  // of all open objects, the innermost last
	arena     []byte  // the text of names that are not in the data
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
	AllowNUL  bool // allows \u0000
	weights   *Weights

	Findings []Finding // in the value that was scanned last
	Lost     int64     // findings that are not listed
	grave    bool      // one of Findings is grave

	Marks Marks

	tail   [2 * reach]byte // a copy of the last bytes, for the loop
	inline *inlineBuffers
}

// inlineBuffers holds buffers that are large enough for most payloads, in one allocation.
type inlineBuffers struct {
	frames [16]frame
	names  [24]name
	extras [2]extra
	arena  [64]byte
	deepAt [24]uint32
}

// frame is the state of an object or array while a value inside it is scanned.
type frame struct {
	filter uint64
	base   uint32 // its first name in Scanner.names
	flags  uint8
}

const (
	isArray      = 1 << iota
	hasExtra     // Scanner.extras ends with one of this object
	hasCompanion // of an object: it has a name with an underscore
	counting     // of an array: its elements are being counted
)

// Limits are what a scanner allows.
type Limits struct {
	Depth    int // open objects and arrays
	String   int // bytes in one string
	Names    int // names in all open objects
	Findings int // findings listed for one value
}

// Init prepares a new scanner.
func (s *Scanner) Init() {
	s.seed = maphash.MakeSeed()
	s.inline = new(inlineBuffers)
	s.Release()
}

// Use prepares the scanner for a payload. It must be new, or released.
func (s *Scanner) Use(l Limits, w *Weights, t *Table) {
	s.maxDepth, s.maxString, s.maxNames, s.maxFound = l.Depth, l.String, l.Names, l.Findings
	s.weights, s.AllowNUL, s.Marks.table = w, false, t
	if s.frames = s.frames[:cap(s.frames)]; len(s.frames) > l.Depth {
		s.frames = s.frames[:l.Depth]
	}
}

// Release drops everything that refers to a payload. It keeps up to maxFrames frames.
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

// Value scans the value that starts at data[0], which must not be white space, and
// returns the index after it, or a fault and its index. depth is the number of open
// objects and arrays around the value. final means that nothing follows data, so that a
// number at its end is complete.
//
// If the fault is More, call Value again with the same data and more after it.
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

// growFrames makes room for one more level. It returns false at the limit.
func (s *Scanner) growFrames(depth int) bool {
	if depth >= s.maxDepth {
		return false
	}
	frames := make([]frame, min(max(2*len(s.frames), depth+1), s.maxDepth))
	copy(frames, s.frames)
	s.frames = frames
	return true
}

// OpenObject begins an outermost object whose members the caller scans one by one, and
// whose names must outlive the data they were read from.
func (s *Scanner) OpenObject() { s.extraOf(1) }

// AddName adds a name to the object that OpenObject began. The fault is Twice if it has
// the name already, and LongEntry if its names have more than most bytes in all.
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

// OpenNames returns the number of names in all open objects.
func (s *Scanner) OpenNames() int { return len(s.names) }

// ShortString scans the string that starts at data[0] and returns its end. It returns 0
// if the string is empty, incomplete, invalid or too long: then call Value.
func (s *Scanner) ShortString(data []byte, most int) int {
	end, f := String(data, 1, s.AllowNUL)
	if f != OK || end == 1 || end >= min(s.maxString, most) {
		return 0
	}
	s.Marks.Marking, s.Findings, s.Lost, s.grave = MarkNothing, s.Findings[:0], 0, false
	return end + 1
}

// leave closes an object that has an extra.
func (s *Scanner) leave(data []byte, base, depth int) {
	e := s.extras[len(s.extras)-1]
	s.checkPairs(data, base, e)
	s.checkNulls(data, base, e)
	s.extras = s.extras[:len(s.extras)-1]
	s.arena = s.arena[:e.arena]
	s.tables = s.tables[:e.table]
}
