package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// OtherType replaces resource types that no version of FHIR (R4, R4B, R5) defines, in
// [Entry.Type] and in [Report.ResourceCounts], which counts them together. Such a name
// could be anything, even data about a patient, so it is not passed on.
const OtherType = "Other"

// typeCounts counts resources by type.
type typeCounts struct {
	types []typeCount // found so far
	all   int64
	v     Version

	// recent has indexes into types, from 1, of names looked up recently, by recentOf.
	recent [64]uint16
}

type typeCount struct {
	name  string // shared, not allocated
	n     int64
	known bool // the version of FHIR has it
}

// fewTypes is how many types there is room for at first, and how many elements of a
// slice a reader keeps for the next payload.
const fewTypes = 16

// reset forgets all types, and keeps room for a few.
func (c *typeCounts) reset(v Version) {
	if cap(c.types) > 2*fewTypes {
		c.types = nil
	}
	c.types, c.all, c.v = c.types[:0], 0, v
	c.recent = [len(c.recent)]uint16{}
}

// recall returns a type that is among recent, as a shared string, and its index, or -1.
func (c *typeCounts) recall(text []byte) (string, int) {
	if i := int(c.recent[recentOf(text)]) - 1; i >= 0 && c.types[i].name == string(text) {
		return c.types[i].name, i
	}
	return "", -1
}

// recentOf returns an index into recent. Most types differ in their first bytes or their
// length.
func recentOf(text []byte) uint64 { return (scan.Load(text, 0) + uint64(len(text))) * spread >> 58 }

// lookUp returns a type as a shared string, or [OtherType], and its index.
func (c *typeCounts) lookUp(text []byte) (string, int) {
	fhir := resourceTypes[string(text)]
	name := fhir.name
	if name == "" {
		name = OtherType
	}
	i := 0
	for i < len(c.types) && c.types[i].name != name {
		i++
	}
	if i == len(c.types) {
		if c.types == nil {
			c.types = make([]typeCount, 0, fewTypes)
		}
		c.types = append(c.types, typeCount{name: name, known: fhir.in&c.v.bit() != 0})
	}
	c.recent[recentOf(text)] = uint16(i + 1)
	return name, i
}

// known reports whether the version of FHIR has the type with that index.
func (c *typeCounts) known(i int) bool { return c.types[i].known }

// add counts a resource whose type has that index, or -1 if it has none.
func (c *typeCounts) add(i int) {
	c.all++
	if i >= 0 {
		c.types[i].n++
	}
}

func (c *typeCounts) byType() map[string]int64 {
	m := make(map[string]int64, len(c.types))
	for _, t := range c.types {
		if t.n > 0 {
			m[t.name] = t.n
		}
	}
	return m
}
