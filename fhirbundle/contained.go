package fhirbundle

// containedIDs are the ids of the resources that a resource contains.
type containedIDs struct {
	few  [][]byte
	many map[string]struct{} // of all, where there are more than few
}

// fewIDs is how many ids are found sooner by looking at each than by a map.
const fewIDs = 16

func (c *containedIDs) reset() { c.few, c.many = c.few[:0], nil }

func (c *containedIDs) add(id []byte) {
	if c.many == nil && len(c.few) < fewIDs {
		c.few = append(c.few, id)
		return
	}
	if c.many == nil {
		c.many = make(map[string]struct{}, 2*fewIDs)
	}
	c.many[string(id)] = struct{}{}
}

func (c *containedIDs) has(id []byte) bool {
	for _, k := range c.few {
		if string(k) == string(id) {
			return true
		}
	}
	_, ok := c.many[string(id)]
	return ok
}

// readContained judges the contained resources of a resource, and the references
// to them. A fragment alone is the resource itself.
func (r *Reader) readContained(data []byte) {
	ids := &r.contained
	ids.reset()
	if at := r.scan.marks.start(data, contained); at >= 0 && data[at] == '[' {
		for i := firstElement(data, at); data[i] != ']'; {
			if data[i] == '{' {
				i = r.readContainedResource(data, i)
			} else {
				i = skipValue(data, i)
			}
			i = nextElement(data, i)
		}
	}
	for _, at := range r.refs.local {
		if !ids.has(r.plainAt(data, at)[1:]) {
			r.entryIssue(ref1, at, "resource", "")
		}
	}
}

// readContainedResource judges one that starts at data[at], and returns the index
// behind it.
func (r *Reader) readContainedResource(data []byte, at int) (end int) {
	typed := false
	end = walkObject(data, at, func(name []byte, value int) bool {
		switch string(name) {
		case "resourceType":
			text := r.plainAt(data, value)
			if typed = isTypeName(text); typed && !r.opts.version.hasType(text) {
				r.entryIssue(fhirUnknownType, value, "resource.contained", "")
			}
		case "id":
			id := stringAt(data, value)
			if !isID(id) {
				r.entryIssue(fhirID, value, "resource.contained.id", "")
			}
			r.contained.add(id)
		}
		return true
	})
	if !typed {
		r.entryIssue(fhirResourceType, at, "resource.contained", "")
	}
	return end
}
