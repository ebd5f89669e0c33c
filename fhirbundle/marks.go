package fhirbundle

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

// Names of the members at the three places where they are looked for.
func entryMember(name []byte) place {
	switch string(name) {
	case "fullUrl":
		return fullURL
	case "resource":
		return resource
	case "request":
		return request
	case "response":
		return response
	case "search":
		return search
	}
	return nowhere
}

func resourceMember(name []byte) place {
	switch string(name) {
	case "resourceType":
		return resourceType
	case "id":
		return resourceID
	case "meta":
		return meta
	case "contained":
		return contained
	}
	return nowhere
}

func requestMember(name []byte) place {
	switch string(name) {
	case "method":
		return method
	case "url":
		return requestURL
	case "ifNoneExist":
		return ifNoneExist
	}
	return nowhere
}

var (
	basicResource  = filterOf("resourceType", "id")
	basicEntry     = basicResource | filterOf("fullUrl", "resource", "request", "response", "method", "url")
	resourceFilter = filterOf("resourceType", "id", "meta", "contained", "reference", "fhir_comments")
	farFilter      = filterOf("reference", "fhir_comments")
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
	m.at, m.end = [places]int{}, [places]int{}
	m.refs = m.refs[:0]
}

// asks says whether mark wants to see a name at that depth with that bit in a
// filter, or another one with the same bit.
func (m *marks) asks(bit uint64, depth int) bool {
	return m.filter&bit != 0 && (depth <= m.depth || m.far&bit != 0)
}

// mark takes down a name of an object at the given depth; at is the index behind
// its closing quote, which is never 0.
func (s *scanner) mark(data, text []byte, at, depth int) {
	m := &s.marks
	inResource := m.kind == watchResource || depth > m.outer+1 && m.open == resource
	switch string(text) {
	case "reference":
		if inResource {
			m.refs = append(m.refs, uint32(at))
		}
	case "fhir_comments":
		s.note(fhirComments, at-len(`"fhir_comments"`))
	}
	if depth > m.depth {
		return
	}
	p := nowhere
	switch {
	case inResource:
		p = resourceMember(text)
	case depth == m.outer+1:
		if p = entryMember(text); (p == resource || p == request) && opens(data, at) {
			m.open = p
		}
	case m.open == request:
		p = requestMember(text)
	}
	m.at[p] = at // what is nowhere is not looked at
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

// valueAt is where the value of a member starts whose name ends before data[i].
func valueAt(data []byte, i int) int {
	if data[i] == ':' && data[i+1] > ' ' {
		return i + 1
	}
	return skipSpace(data, skipSpace(data, i)+1)
}
