package scan

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
)

// How names of one object are told apart. Each has a hash of 64 bits. A filter
// of 64 bits, one for each object that is open, says of most names that they are
// new; otherwise the hashes are compared one by one. That hash can be foreseen,
// so from wideObject names on a table with a seeded hash takes over: whatever a
// sender writes, a name costs constant time.

// wideObject is the number of names from which an object gets a table.
const wideObject = 32

// A name that is being compared. It stands in the data or, where it was
// unescaped or has to outlive the data, in scanner.arena.
type name struct {
	hash uint64
	off  uint32 // inArena is set where it is an offset into the arena
	size uint32
}

const inArena = 1 << 31

const (
	hashMultiplier = 0x9E3779B97F4A7C15
	// finger was picked among odd numbers at random: with it the names that a
	// reader looks for share bits with few of FHIR's other usual names, and the
	// names of one object with each other.
	filterMultiplier = 0xA100C5089C13E14F
)

// filterBit is the bit of a hash in an object's filter.
func filterBit(h uint64) uint64 { return 1 << (h * filterMultiplier >> 58) }

// chain adds eight bytes of a name to the hash of those before.
func Chain(h, w uint64) uint64 { return bits.RotateLeft64(h*hashMultiplier, 29) ^ w }

// hashName is the hash that the scanner's loop computes while it looks for the
// end of a name.
func HashName(text []byte) uint64 {
	var h uint64
	for i := 0; i+8 <= len(text); i += 8 {
		h = Chain(h, Load(text, i))
	}
	return Chain(h, loadTail(text, len(text)&^7))
}

// extra is what an open object needs beyond its frame, if anything.
type extra struct {
	depth int // frames below it
	arena int // length of scanner.arena before it
	table int // start in scanner.tables, which ends with it
	nulls int // length of scanner.nulls before it
	pairs int // length of scanner.pairs before it
	wide  bool
}

// extraOf returns the extra of the innermost open object, at the given depth.
func (s *Scanner) extraOf(depth int) *extra {
	if n := len(s.extras); n == 0 || s.extras[n-1].depth != depth {
		s.extras = append(s.extras, extra{depth: depth, arena: len(s.arena), table: len(s.tables), nulls: len(s.nulls), pairs: len(s.pairs)})
	}
	return &s.extras[len(s.extras)-1]
}

func (s *Scanner) text(data []byte, n name) []byte {
	if n.off&inArena != 0 {
		off := n.off &^ inArena
		return s.arena[off : off+n.size]
	}
	return data[n.off : n.off+n.size]
}

// A slot of a table is 0 or the place of a name among its object's, from 1, with
// 32 bits of its seeded hash above, so that a look seldom leaves the table.
type slot uint64

func (s *Scanner) tag(text []byte) uint32 { return uint32(maphash.Bytes(s.seed, text)) }

// seek returns where in the table of the innermost object, whose names start at
// base, the text is or would go, and whether it is there.
func (s *Scanner) seek(data []byte, base int, table []slot, text []byte, tag uint32) (int, bool) {
	mask := uint32(len(table) - 1)
	for k := tag & mask; ; k = (k + 1) & mask {
		at := table[k]
		if at == 0 {
			return int(k), false
		}
		if uint32(at>>32) == tag && bytes.Equal(s.text(data, s.names[base+int(uint32(at))-1]), text) {
			return int(k), true
		}
	}
}

// find returns where in scanner.names the innermost object, whose names start at
// base, has the name, or -1. wide says whether it has a table.
func (s *Scanner) find(data []byte, base int, text []byte, h uint64, wide bool) int {
	if wide {
		table := s.tables[s.extras[len(s.extras)-1].table:]
		if k, found := s.seek(data, base, table, text, s.tag(text)); found {
			return base + int(uint32(table[k])) - 1
		}
		return -1
	}
	for i := base; i < len(s.names); i++ {
		if n := s.names[i]; n.hash == h && bytes.Equal(s.text(data, n), text) {
			return i
		}
	}
	return -1
}

// widen makes sure that the innermost object has a table with room for one more
// name and for those that it has.
func (s *Scanner) widen(data []byte, base int, e *extra) {
	count := len(s.names) - base
	old := len(s.tables) - e.table
	if old >= 2*(count+1) {
		return
	}
	size := 1 << bits.Len(uint(4*(count+1)-1))
	s.tables = slices.Grow(s.tables, size)[:e.table+old+size]
	// The new table is made after the old one and takes its place.
	table := s.tables[e.table+old:]
	clear(table)
	mask := uint32(size - 1)
	enter := func(at slot) {
		k := uint32(at>>32) & mask
		for table[k] != 0 {
			k = (k + 1) & mask
		}
		table[k] = at
	}
	if e.wide {
		for _, at := range s.tables[e.table : e.table+old] {
			if at != 0 {
				enter(at)
			}
		}
	} else {
		for i, n := range s.names[base:] {
			enter(slot(s.tag(s.text(data, n)))<<32 | slot(i+1))
		}
	}
	copy(s.tables[e.table:], table)
	s.tables = s.tables[:e.table+size]
	e.wide = true
}

// admit is the way of a name that the filter could not clear. It returns whether
// the object has a table from now on. The caller appends the name.
func (s *Scanner) admitName(data []byte, n name, base, depth int) (wide bool, f Fault) {
	text := s.text(data, n)
	if k := len(s.extras); k > 0 && s.extras[k-1].depth == depth {
		wide = s.extras[k-1].wide
	}
	count := len(s.names) - base
	if !wide {
		if s.find(data, base, text, n.hash, false) >= 0 {
			return false, Twice
		}
		if count < wideObject {
			return false, OK
		}
	}
	if len(s.names) >= s.maxNames {
		return true, ManyNames
	}
	e := s.extraOf(depth)
	s.widen(data, base, e)
	table, tag := s.tables[e.table:], s.tag(text)
	k, found := s.seek(data, base, table, text, tag)
	if found {
		return true, Twice
	}
	table[k] = slot(tag)<<32 | slot(count+1)
	return true, OK
}

// rareName makes a name that is not plain ASCII comparable: its text stands
// in data[start:end]. If it has escapes its text goes into the arena.
func (s *Scanner) rareName(data []byte, start, end, depth int) (ref uint32, size int, hash uint64) {
	text := data[start:end]
	ref, size = uint32(start), len(text)
	for _, c := range text {
		if c == '\\' {
			s.pair(end+1, depth) // it is found again only there
			n := len(s.arena)
			s.arena = Unescape(s.arena, text)
			text = s.arena[n:]
			ref, size = uint32(n)|inArena, len(text)
			break
		}
	}
	return ref, size, HashName(text)
}
