package fhirbundle

// maxTypes is how many types are counted by name: FHIR has some 150, and what a
// sender makes up must not grow memory.
const maxTypes = 1000

// fewTypes is how many types are looked at one by one, which is seldom, since most
// are recalled; from there on there is a map.
const fewTypes = 32

// counts counts resources by type and makes the types' names shared strings.
type counts struct {
	index map[string]int // nil up to fewTypes
	types []typeCount
	all   int64
	v     Version

	// recent are indices into types, from 1, of names that were looked up, by
	// bits of their hashes.
	recent [64]uint16
}

// reset forgets all types, and keeps room for a few.
func (c *counts) reset(v Version) {
	if cap(c.types) <= fewTypes {
		clear(c.types)
		c.types = c.types[:0]
	} else {
		c.types = nil
	}
	c.index, c.all, c.v = nil, 0, v
	c.recent = [len(c.recent)]uint16{}
}

// recall is intern for a type that was interned before and that is still among
// recent. The index is -1 where it is not.
func (c *counts) recall(text []byte) (string, int) {
	if i := int(c.recent[recentOf(text)]) - 1; i >= 0 && c.types[i].name == string(text) {
		return c.types[i].name, i
	}
	return "", -1
}

// recentOf is a place among recent. The start and the length tell most types apart.
func recentOf(text []byte) uint64 { return (load(text, 0) + uint64(len(text))) * finger >> 58 }

type typeCount struct {
	name  string
	n     int64
	known bool
}

// intern returns a type as a shared string, and its index for add. Only a type
// that is new, and none of FHIR's, is allocated.
func (c *counts) intern(text []byte) (string, int) {
	name, i := c.lookUp(text)
	if i >= 0 {
		c.recent[recentOf(text)] = uint16(i + 1)
	}
	return name, i
}

func (c *counts) lookUp(text []byte) (string, int) {
	if c.index == nil {
		for i := range c.types {
			if c.types[i].name == string(text) {
				return c.types[i].name, i
			}
		}
	} else if i, ok := c.index[string(text)]; ok {
		return c.types[i].name, i
	}
	if len(c.types) >= maxTypes {
		return string(text), -1
	}
	i := len(c.types)
	fhir := resourceTypes[string(text)]
	t := typeCount{name: fhir.name, known: fhir.in&c.v.bit() != 0}
	if t.name == "" {
		t.name = string(text)
	}
	if c.types == nil {
		c.types = make([]typeCount, 0, fewTypes/2)
	}
	c.types = append(c.types, t)
	switch {
	case c.index != nil:
		c.index[c.types[i].name] = i
	case i == fewTypes:
		c.index = make(map[string]int, 2*fewTypes)
		for i, t := range c.types {
			c.index[t.name] = i
		}
	}
	return c.types[i].name, i
}

// known says whether FHIR has the type of that name and index.
func (c *counts) known(text []byte, i int) bool {
	if i < 0 {
		return c.v.hasType(text)
	}
	return c.types[i].known
}

// add counts a resource whose type has the index that intern returned; -1 where
// it has none.
func (c *counts) add(i int) {
	c.all++
	if i >= 0 {
		c.types[i].n++
	}
}

func (c *counts) byType() map[string]int64 {
	m := make(map[string]int64, len(c.types))
	for _, t := range c.types {
		if t.n > 0 {
			m[t.name] = t.n
		}
	}
	return m
}
