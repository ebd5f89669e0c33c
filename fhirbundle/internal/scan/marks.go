package scan

import (
	"math/bits"
)

// place is a member whose position is marked. The package that scans numbers them
// from 1.
type Place uint8

// maxPlaces is how many places there can be, and the one that is none.
const maxPlaces = 16

// section is a part of a value. Section 0 is the value itself; the others are members
// of it whose own members are marked too.
type Section uint8

const sections = 3

// askedName is a name whose members are marked.
type Member struct {
	Text  string
	At    [sections]Place // by the section that has the member; 0: it is not marked there
	Opens Section         // that an object or array of this name, in section 0, is

	Deep    bool // positions of all such members in section 1 are listed, however deep
	Comment bool // members of this name are a finding, however deep

	hash, word uint64 // word: the first eight bytes
	size       int
	next       *Member // with the same bit in a filter
}

// nameTable is the names whose members are marked.
type Table struct {
	byBit        [64]*Member // by its bit in a filter
	outer, inner uint64      // filters of a value with sections, and of one that is section 1
	deep         uint64      // filter of those that are looked for at any depth
}

// newNameTable makes a table of names.
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

// marks are the positions of the members that the names in a table ask for, taken down
// by the scanner in passing.
type Marks struct {
	Marking Marking
	table   *Table
	start   Section
	outer   int
	depth   int    // names are looked at down to this depth
	close   int    // ends are looked at down to this depth; at least outer
	filter  uint64 // of the names of interest
	deep    uint64 // of those that are looked at below depth too

	Section   Section // that is being scanned
	level     int     // depth of its members
	openPlace Place   // whose section that is; 0: it is section 0

	at   [maxPlaces]int
	ends [maxPlaces]int
	Deep []uint32 // of the names that are deep, as in at
}

// marking says which members of a value are marked.
type Marking uint8

const (
	MarkNothing Marking = iota
	MarkOuter           // those of a value that has sections
	MarkInner           // those of a value that is section 1
)

// reset gets ready for a value around which depth objects and arrays are open.
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

// mark takes down a name of an object at the given depth, with its bit in a filter;
// at is the index after its closing quote, which is never 0.
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
		m.at[p] = at // that of place 0 is not looked at
		if m.Section == 0 && a.Opens != 0 {
			m.ends[p] = 0 // of a value before
			if opens(data, at) {
				m.enter(p, a.Opens)
			}
		}
	}
}

// opens reports whether a colon and an object or an array follow at data[i]. Other
// values have no end that the scanner would take down.
func opens(data []byte, i int) bool {
	if i = SkipSpace(data, i); i >= len(data) || data[i] != ':' {
		return false
	}
	i = SkipSpace(data, i+1)
	return i < len(data) && (data[i] == '{' || data[i] == '[')
}

// at is the position of the value of a marked member in data, or -1.
func (m *Marks) Value(data []byte, p Place) int {
	if m.at[p] == 0 {
		return -1
	}
	return ValueAt(data, m.at[p])
}

// has reports whether a member is marked.
func (m *Marks) Has(p Place) bool { return m.at[p] != 0 }

// end is the index after the object or array of a place that opens a section; 0 if it
// is another value.
func (m *Marks) End(p Place) int { return m.ends[p] }
