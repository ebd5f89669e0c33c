package scan

import (
	"math/bits"
)

// Place is a member whose position is marked, numbered from 1 by the caller.
type Place uint8

// maxPlaces is one more than the highest Place.
const maxPlaces = 16

// Section is a part of a value: 0 is the value itself, the others are members of it whose
// own members are marked too.
type Section uint8

const sections = 3

// Member is a name whose members are marked.
type Member struct {
	Text  string
	At    [sections]Place // by the section that the member is in; 0: it is not marked there
	Opens Section         // the section that an object or array of this name in section 0 is

	Deep    bool // list the positions of all such members in section 1, at any depth
	Comment bool // report members of this name, at any depth

	hash, word uint64 // word: the first eight bytes
	size       int
	next       *Member // with the same bit in a filter
}

// Table has the members that are marked.
type Table struct {
	byBit        [64]*Member // by its bit in a filter
	outer, inner uint64      // filters of a value with sections, and of one that is section 1
	deep         uint64      // filter of those that are looked for at any depth
}

// NewTable makes a table. It is read only, and can be shared.
func NewTable(names ...Member) *Table {
	t := new(Table)
	for _, a := range names {
		a.hash, a.size, a.word = HashName([]byte(a.Text)), len(a.Text), Load([]byte(a.Text), 0)
		bit := filterBit(a.hash)
		first := &t.byBit[bits.TrailingZeros64(bit)]
		a.next = *first
		*first = &a
		t.outer |= bit
		if a.Deep || a.Comment {
			t.deep |= bit
		}
		if a.Deep || a.Comment || a.At[1] != 0 {
			t.inner |= bit
		}
	}
	return t
}

// Marks has the positions of the members that a Table asks for, in the value that was
// scanned last.
type Marks struct {
	Marking Marking
	table   *Table
	outer   int
	depth   int    // names are marked down to this depth
	close   int    // ends are marked down to this depth; at least outer
	filter  uint64 // of the names of interest
	deep    uint64 // of the names that are marked at any depth

	Section   Section // that is being scanned
	level     int     // depth of its members
	openPlace Place   // whose section that is; 0: it is section 0

	at   [maxPlaces]int
	ends [maxPlaces]int
	Deep []uint32 // positions after the names of Deep members
}

// Marking says which members the next value has.
type Marking uint8

const (
	MarkNothing Marking = iota
	MarkOuter           // the value is section 0
	MarkInner           // the value is section 1
)

// reset prepares for a value inside depth open objects and arrays.
func (m *Marks) reset(depth int) {
	m.outer, m.close, m.depth, m.filter, m.deep = depth, depth, -1, 0, 0
	m.Section, m.level, m.openPlace = 0, depth+1, 0
	switch m.Marking {
	case MarkOuter:
		m.depth, m.close, m.filter = depth+2, depth+1, m.table.outer
	case MarkInner:
		m.depth, m.filter, m.Section = depth+1, m.table.inner, 1
	default:
		return
	}
	m.deep = m.table.deep
	m.at = [maxPlaces]int{}
	m.Deep = m.Deep[:0]
}

// asks reports whether a name at that depth with that bit in a filter may be in the
// table.
func (m *Marks) asks(bit uint64, depth int) bool {
	return m.filter&bit != 0 && (depth <= m.depth || m.deep&bit != 0)
}

// enter begins the section of a place.
func (m *Marks) enter(p Place, of Section) {
	m.openPlace, m.Section = p, of
	m.level++
}

// leave ends the section that is open, if there is one, before data[end].
func (m *Marks) leave(end int) {
	if m.openPlace != 0 {
		m.ends[m.openPlace] = end
		m.openPlace, m.Section = 0, 0
		m.level--
	}
}

// mark marks a member at the given depth, if the table has its name. bit is the name's bit
// in a filter, and at the index after its closing quote, which is never 0.
func (s *Scanner) mark(data, text []byte, bit uint64, at, depth int) {
	m := &s.Marks
	a := m.table.byBit[bits.TrailingZeros64(bit)]
	for ; a != nil && a.Text != string(text); a = a.next {
	}
	switch {
	case a == nil: // another name with that bit
	case a.Comment:
		s.note(Comments, at-len(a.Text)-len(`""`))
	case a.Deep:
		if m.Section == 1 {
			m.Deep = append(m.Deep, uint32(at))
		}
	case depth == m.level:
		p := a.At[m.Section]
		m.at[p] = at // that of place 0 is never read
		if m.Section == 0 && a.Opens != 0 {
			m.ends[p] = 0 // of a value before
			if opens(data, at) {
				m.enter(p, a.Opens)
			}
		}
	}
}

// opens reports whether a colon and an object or array follow at data[i]. The ends of
// other values are not marked.
func opens(data []byte, i int) bool {
	if i = SkipSpace(data, i); i >= len(data) || data[i] != ':' {
		return false
	}
	i = SkipSpace(data, i+1)
	return i < len(data) && (data[i] == '{' || data[i] == '[')
}

// Value returns the position of the value of a marked member in data, or -1.
func (m *Marks) Value(data []byte, p Place) int {
	if m.at[p] == 0 {
		return -1
	}
	return ValueAt(data, m.at[p])
}

// Has reports whether the value has the member.
func (m *Marks) Has(p Place) bool { return m.at[p] != 0 }

// End returns the index after the object or array of a member that opens a section. It is
// 0 if the value of the member is something else.
func (m *Marks) End(p Place) int { return m.ends[p] }
