package fhirbundle

import "math/bits"

// marks are the places of the members that a reader wants to know, taken down
// by the scanner in passing.
type marks struct {
	kind   watch
	outer  int
	depth  int    // names are looked at down to this depth
	close  int    // ends are looked at down to this depth; at least outer
	filter uint64 // of the names of interest
	far    uint64 // of those that are looked at below depth too
	basic  bool   // few names are of interest
	open   place  // whose object or array is being scanned
	at     [places]int
	end    [places]int
	refs   []uint32 // of the names "reference" in the resource, as in at
}

// watch says what a value is.
type watch uint8

const (
	watchNothing watch = iota
	watchEntry
	watchResource
)

// place is a member of an entry, of its resource, or of its request.
type place uint8

const (
	nowhere place = iota
	fullURL
	resource
	request
	response
	search
	resourceType
	resourceID
	meta
	contained
	method
	requestURL
	ifNoneExist
	places
)

// askedNames are the names of interest, by their bits in a filter, and what a member
// of that name is in an entry, in a resource, and in a request.
var askedNames = func() (table [64]*askedName) {
	for _, a := range []askedName{
		{name: "fullUrl", entry: fullURL},
		{name: "resource", entry: resource},
		{name: "request", entry: request},
		{name: "response", entry: response},
		{name: "search", entry: search},
		{name: "resourceType", resource: resourceType},
		{name: "id", resource: resourceID},
		{name: "meta", resource: meta},
		{name: "contained", resource: contained},
		{name: "method", request: method},
		{name: "url", request: requestURL},
		{name: "ifNoneExist", request: ifNoneExist},
		{name: "reference", far: true},
		{name: "fhir_comments", far: true},
	} {
		first := &table[bits.TrailingZeros64(filterOf(a.name))]
		a.hash, a.size, a.word, a.next = hashName([]byte(a.name)), len(a.name), load([]byte(a.name), 0), *first
		*first = &a
	}
	return table
}()

type askedName struct {
	name                     string
	entry, resource, request place
	far                      bool // it is looked at below too

	hash, word uint64 // word: the first eight bytes
	size       int
	next       *askedName // with the same bit
}

var (
	basicResource  = filterOf("resourceType", "id")
	basicEntry     = basicResource | filterOf("fullUrl", "resource", "request", "response", "method", "url")
	farFilter      = filterOf("reference", "fhir_comments")
	resourceFilter = farFilter | filterOf("resourceType", "id", "meta", "contained")
	entryFilter    = resourceFilter | filterOf("fullUrl", "resource", "request", "response", "search", "method", "url", "ifNoneExist")
)

func filterOf(names ...string) uint64 {
	var f uint64
	for _, n := range names {
		f |= filterBit(hashName([]byte(n)))
	}
	return f
}

// reset gets ready for a value around which depth objects and arrays are open.
func (m *marks) reset(depth int) {
	m.outer, m.close, m.depth, m.filter, m.far, m.open = depth, depth, -1, 0, 0, nowhere
	switch m.kind {
	case watchEntry:
		m.depth, m.close, m.filter = depth+2, depth+1, entryFilter
		if m.basic {
			m.filter = basicEntry
		}
	case watchResource:
		m.depth, m.filter = depth+1, resourceFilter
		if m.basic {
			m.filter = basicResource
		}
	default:
		return
	}
	if !m.basic {
		m.far = farFilter
	}
	m.at = [places]int{}
	m.refs = m.refs[:0]
}

// asks says whether mark wants to see a name at that depth with that bit in a
// filter, or another one with the same bit.
func (m *marks) asks(bit uint64, depth int) bool {
	return m.filter&bit != 0 && (depth <= m.depth || m.far&bit != 0)
}

// mark takes down a name of an object at the given depth, with its bit in a filter;
// at is the index after its closing quote, which is never 0.
func (s *scanner) mark(data, text []byte, bit uint64, at, depth int) {
	a := askedNames[bits.TrailingZeros64(bit)]
	for ; a != nil && a.name != string(text); a = a.next {
	}
	if a == nil {
		return // another name with that bit
	}
	m := &s.marks
	switch a.name {
	case "fhir_comments":
		s.note(fhirComments, at-len(`"fhir_comments"`))
		return
	case "reference":
		if m.inResource(depth) {
			m.refs = append(m.refs, uint32(at))
		}
		return
	}
	if depth > m.depth {
		return
	}
	p := a.resource
	if m.kind == watchEntry {
		switch {
		case depth == m.outer+1:
			if p = a.entry; p == resource || p == request {
				m.end[p] = 0 // of an entry before
				if opens(data, at) {
					m.open = p
				}
			}
		case m.open == request:
			p = a.request
		case m.open != resource:
			return
		}
	}
	m.at[p] = at // what is nowhere is not looked at
}

// inResource says whether an object at that depth is the resource, or in it.
func (m *marks) inResource(depth int) bool {
	return m.kind == watchResource || depth > m.outer+1 && m.open == resource
}

// opens says whether a colon and an object or an array follow at data[i]. Other
// values have no end that the scanner would take down.
func opens(data []byte, i int) bool {
	if i = skipSpace(data, i); i >= len(data) || data[i] != ':' {
		return false
	}
	i = skipSpace(data, i+1)
	return i < len(data) && (data[i] == '{' || data[i] == '[')
}

// start is where the value of a marked member starts in data, or -1.
func (m *marks) start(data []byte, p place) int {
	if m.at[p] == 0 {
		return -1
	}
	return valueAt(data, m.at[p])
}

// valueAt is where the value of a member starts whose name ends before data[i]. It
// is inlined where it is used.
func valueAt(data []byte, i int) int {
	if data[i] == ':' && data[i+1] > ' ' {
		return i + 1
	}
	return behindColon(data, i)
}

func behindColon(data []byte, i int) int {
	return skipSpace(data, skipSpace(data, i)+1)
}
