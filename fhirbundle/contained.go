package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// Contained resources (http://hl7.org/fhir/R4/references.html#contained).

// containedList is the contained resources of one resource.
type containedList struct {
	all  []containedResource // of the elements of the array, in their order
	lone int                 // how many nothing is known to refer to

	few  []containedID
	many map[string]int32 // from an id to its place in all, where there are more than few
}

type containedResource struct {
	at, end  uint32
	referred bool // something refers to it, or it refers to its container
}

type containedID struct {
	id []byte
	n  int32
}

// fewIDs is up to how many ids it is faster to look at each than to use a map.
const fewIDs = 16

func (c *containedList) reset() {
	c.all, c.few, c.many, c.lone = c.all[:0], c.few[:0], nil, 0
}

// release also lets go of the payload and of memory that is seldom needed.
func (c *containedList) release() {
	clear(c.few[:cap(c.few)])
	if cap(c.all) > fewIDs {
		c.all = nil
	}
	c.reset()
}

// find returns the place in all of the resource with that id, or -1.
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

// name gives the resource added last an id, and reports whether it is the first of
// that id.
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
		c.lone--
	}
}

// readContained judges the contained resources of a resource in the array that
// starts at data[i], and lists them.
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

// readContainedResource judges the one that starts at data[at], and returns the
// index after it.
func (r *Reader) readContainedResource(data []byte, at int, list *containedList) (end int) {
	c := r.readContents(data, at)
	if list.all == nil {
		list.all = make([]containedResource, 0, fewIDs)
	}
	list.all = append(list.all, containedResource{uint32(at), uint32(c.end), false})
	list.lone++
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
	case c.kind == aBundle:
		r.readNested(data, at, c.end)
		r.inner.apart = append(r.inner.apart, extent{at: at, end: c.end})
	case c.parameter >= 0:
		r.readParameters(data, c.parameter)
	}
	return c.end
}

// readContainedMeta judges the meta, which starts at data[i], of a contained
// resource: the versions and the security labels are those of its container.
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

// hasContent reports whether the value at data[i] is neither null nor an empty
// object or array, which other rules judge.
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
