package scan

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
)

// Names in one object must differ. Each name has a 64-bit hash. A 64-bit filter for each
// open object shows that most names are new; the hashes of others are compared one by
// one. A sender can predict this hash, so objects with wideObject names or more use a
// table with a seeded hash. A name therefore takes constant time, whatever the payload.

// wideObject is the number of names at which an object gets a table.
const wideObject = 32

// name is a name in an open object. Its text is in the data or, if it was unescaped or must
// outlive the data, in Scanner.arena.
type name struct {
	hash uint64
	off  uint32 // in the data, or in the arena if inArena is set
	size uint32
}

const inArena = 1 << 31

const (
	hashMultiplier = 0x9E3779B97F4A7C15
	// filterMultiplier was chosen among random odd numbers. With it, the names that
	// are marked share few bits with FHIR's other common names, and the names of one
	// object share few with each other.
	filterMultiplier = 0xA100C5089C13E14F
)

// filterBit is the bit of a hash in a filter.
func filterBit(h uint64) uint64 { return 1 << (h * filterMultiplier >> 58) }

// Chain adds eight bytes of a name to the hash of those before.
func Chain(h, w uint64) uint64 { return bits.RotateLeft64(h*hashMultiplier, 29) ^ w }

// HashName is the hash that the scanner's loop computes while it looks for the
// end of a name.
func HashName(text []byte) uint64 {
	var h uint64
	for i := 0; i+8 <= len(text); i += 8 {
		h = Chain(h, Load(text, i))
	}
	return Chain(h, loadTail(text, len(text)&^7))
}

// extra is what some open objects need beyond their frame.
type extra struct {
	depth int // frames below it
	arena int // length of Scanner.arena before it
	table int // start in Scanner.tables, which ends with it
	nulls int // length of Scanner.nulls before it
	pairs int // length of Scanner.pairs before it
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

// slot is one slot of a table: 0, or the number of a name in its object, from 1, and
// 32 bits of its seeded hash above it, so that few lookups leave the table.
type slot uint64

func (s *Scanner) tag(text []byte) uint32 { return uint32(maphash.Bytes(s.seed, text)) }

// seek returns the slot of text in the table of the innermost object, whose names
// start at base, or the empty slot for it, and whether the text was found.
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

// find returns where in Scanner.names the innermost object, whose names start at
// base, has the name, or -1. wide reports whether it has a table.
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

// widen makes sure that the innermost object has a table that is large enough for its
// names and one more.
func (s *Scanner) widen(data []byte, base int, e *extra) {
	count := len(s.names) - base
	old := len(s.tables) - e.table
	if old >= 2*(count+1) {
		return
	}
	size := 1 << bits.Len(uint(4*(count+1)-1))
	s.tables = slices.Grow(s.tables, size)[:e.table+old+size]
	// The new table is built after the old one, and then moved to its place.
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

// admitName checks a name that the filter could not show to be new. It returns whether
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

// rareName returns where the text of a name is, given as data[start:end], and its hash.
// A name with escapes is unescaped into the arena.
func (s *Scanner) rareName(data []byte, start, end, depth int) (ref uint32, size int, hash uint64) {
	text := data[start:end]
	ref, size = uint32(start), len(text)
	for _, c := range text {
		if c == '\\' {
			s.pair(end+1, depth) // which holds its position
			n := len(s.arena)
			s.arena = Unescape(s.arena, text)
			text = s.arena[n:]
			ref, size = uint32(n)|inArena, len(text)
			break
		}
	}
	return ref, size, HashName(text)
}
