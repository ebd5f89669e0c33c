package fhirbundle

import (
	"bytes"
	"slices"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// Contained resources (http://hl7.org/fhir/R4/references.html#contained).

// containedList has the contained resources of one resource.
type containedList struct {
	all        []containedResource // in the order of the array
	unreferred int                 // how many have nothing that refers to them so far

	few  []containedID
	many map[string]int32 // from an id to an index in all, if there are more than few
}

type containedResource struct {
	at, end  uint32
	referred bool // something refers to it, or it refers to the container
}

type containedID struct {
	id []byte
	n  int32
}

// fewIDs is the number of ids up to which a linear search is faster than a map.
const fewIDs = 16

func (c *containedList) reset() {
	c.all, c.few, c.many, c.unreferred = c.all[:0], c.few[:0], nil, 0
}

// release also drops references to the payload, and memory that is rarely needed.
func (c *containedList) release() {
	clear(c.few[:cap(c.few)])
	if cap(c.all) > fewIDs {
		c.all = nil
	}
	c.reset()
}

// find returns the index in all of the resource with that id, or -1.
func (c *containedList) find(id []byte) int {
	for _, k := range c.few {
		if string(k.id) == string(id) {
			return int(k.n)
		}
	}
	if n, ok := c.many[string(id)]; ok {
		return int(n)
	}
	return -1
}

// name sets the id of the resource added last, and reports whether no other has it.
func (c *containedList) name(id []byte) bool {
	if c.find(id) >= 0 {
		return false
	}
	n := int32(len(c.all) - 1)
	if len(c.few) < fewIDs {
		if c.few == nil {
			c.few = make([]containedID, 0, fewIDs) // in one step
		}
		c.few = append(c.few, containedID{id, n})
		return true
	}
	if c.many == nil {
		c.many = make(map[string]int32, 2*fewIDs)
	}
	c.many[string(id)] = n
	return true
}

// refer records that something refers to resource n.
func (c *containedList) refer(n int) {
	if one := &c.all[n]; !one.referred {
		one.referred = true
		c.unreferred--
	}
}

// readContained checks the contained resources in the array that starts at data[i], and
// adds them to list.
func (r *Reader) readContained(data []byte, i int, list *containedList) {
	i = scan.FirstElement(data, i)
	for n := 0; data[i] != ']'; n++ {
		end := i
		if data[i] == '{' {
			r.inner.enter("contained", n)
			end = r.readContainedResource(data, i, list)
			r.inner.leave()
		} else {
			end = scan.SkipValue(data, i)
			list.all = append(list.all, containedResource{uint32(i), uint32(end), true})
		}
		i = scan.NextElement(data, end)
	}
}

// readContainedResource checks the one that starts at data[at], and returns the index
// after it.
func (r *Reader) readContainedResource(data []byte, at int, list *containedList) (end int) {
	c := r.readContents(data, at)
	if list.all == nil {
		list.all = make([]containedResource, 0, fewIDs)
	}
	list.all = append(list.all, containedResource{uint32(at), uint32(c.end), false})
	list.unreferred++
	if c.id >= 0 {
		if id := scan.StringAt(data, c.id); len(id) > 0 && !list.name(id) {
			r.innerIssue(containedTwice, c.id, ".id")
		}
	}
	if c.contained >= 0 && hasContent(data, c.contained) {
		r.innerIssue(dom2, c.contained, ".contained")
	}
	if c.meta >= 0 && data[c.meta] == '{' {
		r.readContainedMeta(data, c.meta)
	}
	switch {
	case c.kind == kindBundle:
		r.readNested(data, at, c.end)
		r.inner.separate = append(r.inner.separate, extent{at: at, end: c.end})
	case c.parameter >= 0:
		r.readParameters(data, c.parameter)
	}
	return c.end
}

// readContainedMeta checks the meta, which starts at data[i], of a contained resource:
// its version and security labels are those of its container.
func (r *Reader) readContainedMeta(data []byte, i int) {
	versioned := false
	scan.Members(data, i, func(name []byte, at int) bool {
		switch string(name) {
		case "versionId", "lastUpdated":
			if !versioned && hasContent(data, at) {
				versioned = true
				path := ".meta.lastUpdated"
				if len(name) == len("versionId") {
					path = ".meta.versionId"
				}
				r.innerIssue(dom4, at, path)
			}
		case "security":
			if hasContent(data, at) {
				r.innerIssue(dom5, at, ".meta.security")
			}
		}
		return true
	})
}

// hasContent reports whether the value at data[i] is neither null nor an empty object or
// array, which are findings of their own.
func hasContent(data []byte, i int) bool {
	switch data[i] {
	case 'n':
		return false
	case '{', '[':
		next := data[scan.SkipSpace(data, i+1)]
		return next != '}' && next != ']'
	}
	return true
}

// checkLocalRefs checks the local references in a root resource, and that something
// refers to each of its contained resources, which list has. separate has the resources
// in it that have their own local references.
func (r *Reader) checkLocalRefs(data []byte, c contents, list *containedList, apart []extent) {
	refs := r.scan.Marks.Deep
	first, _ := slices.BinarySearch(refs, uint32(c.at))
	rest, around := apart, 0
	for _, name := range refs[first:] {
		i := int(name)
		if i >= c.end {
			break
		}
		for len(rest) > 0 && i >= rest[0].end {
			rest = rest[1:]
		}
		if len(rest) > 0 && i >= rest[0].at {
			continue
		}
		at := scan.ValueAt(data, i)
		if data[at] != '"' || data[at+1] != '#' && data[at+1] != '\\' {
			continue
		}
		text := r.plainAt(data, at)
		if len(text) == 0 || text[0] != '#' {
			continue
		}
		n := -1
		if len(text) > 1 {
			n = list.find(text[1:])
		} else {
			// "#" in a contained resource refers to the container.
			for around < len(list.all) && int(list.all[around].end) <= i {
				around++
			}
			if around < len(list.all) && int(list.all[around].at) < i {
				n = around
			}
		}
		switch {
		case n >= 0:
			list.refer(n)
		case len(text) > 1 || r.opts.version.bansBareFragment():
			r.innerIssue(ref1, at, "")
		}
	}
	if list.unreferred == 0 {
		return
	}
	idMentions{list: list, reader: r}.find(data, c, apart)
	for n, one := range list.all {
		if list.unreferred == 0 {
			break
		}
		if !one.referred {
			list.unreferred--
			r.inner.enter("contained", n)
			r.innerIssue(dom3, int(one.at), "")
			r.inner.leave()
		}
	}
}

// idMentions finds what refers to a contained resource other than a Reference: an
// element of type canonical, uri or url, or a link or image in a narrative. The types of
// elements are not known here, so any string "#id" counts.
type idMentions struct {
	list   *containedList
	reader *Reader
	around int // index of the contained resource at the current position
}

func (m idMentions) find(data []byte, c contents, apart []extent) {
	for i := c.at; i < c.end && m.list.unreferred > 0; {
		if len(apart) > 0 && i >= apart[0].at {
			i, apart = apart[0].end, apart[1:]
			continue
		}
		if data[i] != '"' {
			i++
			continue
		}
		end, plain := scan.StringEnd(data, i+1)
		text := data[i+1 : end]
		if !plain {
			text = m.reader.plain(text)
		}
		if end = scan.SkipSpace(data, end+1); data[end] != ':' && bytes.IndexByte(text, '#') >= 0 {
			m.look(text, i)
		}
		i = end
	}
}

// look marks the contained resource that a string, which starts at data[at], refers to.
func (m *idMentions) look(text []byte, at int) {
	if text[0] == '#' {
		id, _, _ := bytes.Cut(text[1:], []byte("|")) // a canonical may have a version
		if n := m.list.find(id); n >= 0 {
			m.list.refer(n)
		}
		for all := m.list.all; len(text) == 1; m.around++ {
			if m.around == len(all) || int(all[m.around].at) > at {
				return
			}
			if int(all[m.around].end) > at {
				m.list.refer(m.around)
				return
			}
		}
		return
	}
	for {
		n := bytes.IndexByte(text, '#')
		if n < 0 {
			return
		}
		var quote byte
		if n > 0 {
			quote = text[n-1]
		}
		text = text[n+1:]
		if quote != '"' && quote != '\'' {
			continue
		}
		n = 0
		for n < len(text) && notID[text[n]] == 0 {
			n++
		}
		if n > 0 && n < len(text) && text[n] == quote {
			if k := m.list.find(text[:n]); k >= 0 {
				m.list.refer(k)
			}
		}
	}
}
