package fhirbundle

import (
	"strconv"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// inner is what a reader keeps while it judges the resources inside the resource
// of an entry: contained ones, and those in Parameters.
type inner struct {
	trail   []pathStep // from the entry's resource to what is being judged
	bundles []extent   // Bundles, in order; what they refer to is their own
	apart   []extent   // what has local references of its own, of the roots that are open
	depth   int        // roots that are open
	used    bool
	lists   [maxNesting]containedList
}

// pathStep is a member, and its index where it is an element of an array; else -1.
type pathStep struct {
	name  string
	index int
}

// extent is a resource in the data.
type extent struct {
	at, end int
	unread  bool // a Bundle that is nested too deeply to be judged
}

// begin gets ready for the resource of another entry.
func (in *inner) begin() {
	in.trail, in.bundles, in.apart, in.depth, in.used = in.trail[:0], in.bundles[:0], in.apart[:0], 0, true
}

func (in *inner) enter(name string, index int) {
	in.trail = append(in.trail, pathStep{name, index})
}

func (in *inner) leave() { in.trail = in.trail[:len(in.trail)-1] }

// path returns the path of a member of the resource that is being judged, from the entry
// on.
func (in *inner) path(member string) string {
	p := append(make([]byte, 0, 64), "resource"...)
	for _, s := range in.trail {
		p = append(append(p, '.'), s.name...)
		if s.index >= 0 {
			p = strconv.AppendInt(append(p, '['), int64(s.index), 10)
			p = append(p, ']')
		}
	}
	return string(append(p, member...))
}

// release lets go of the payload.
func (in *inner) release() {
	if !in.used {
		return
	}
	in.used = false
	for i := range in.lists {
		in.lists[i].release()
	}
	if cap(in.trail) > DefaultMaxDepth {
		in.trail = nil
	}
	if cap(in.bundles) > DefaultMaxDepth {
		in.bundles = nil
	}
	if cap(in.apart) > DefaultMaxDepth {
		in.apart = nil
	}
}

// resourceKind is how a resource holds others.
type resourceKind uint8

const (
	aDomainResource resourceKind = iota // or none that FHIR knows
	aBundle
	aParameters
	aBinary // it holds none
)

func kindOf(typ string) resourceKind {
	switch typ {
	case "Bundle":
		return aBundle
	case "Parameters":
		return aParameters
	case "Binary":
		return aBinary
	}
	return aDomainResource
}

// contents says where a resource is, and where the values of those members are that the
// rules need; -1 for a member that is absent.
type contents struct {
	at, end                        int
	kind                           resourceKind
	id, meta, contained, parameter int
}

// readInside judges the resources inside the entry's resource, which starts at
// data[at].
func (r *Reader) readInside(data []byte, at int) {
	in := &r.inner
	in.begin()
	c := contents{
		at: at, end: at + len(r.entry.Resource), kind: kindOf(r.entry.Type),
		contained: r.scan.Marks.Value(data, contained), parameter: -1,
	}
	if c.kind == aParameters {
		scan.Members(data, at, func(name []byte, value int) bool {
			if string(name) == "parameter" {
				c.parameter = value
			}
			return c.parameter < 0
		})
	}
	r.readRoot(data, c)
	r.dropFound(in.bundles)
}

// readRoot judges what is inside a resource, and its local references. It is a root:
// such references are resolved in it, and never outside
// (http://hl7.org/fhir/R4/references.html#contained).
func (r *Reader) readRoot(data []byte, c contents) {
	in := &r.inner
	apart := len(in.apart)
	list := &in.lists[in.depth]
	list.reset()
	in.depth++
	switch c.kind {
	case aDomainResource:
		if c.contained >= 0 && data[c.contained] == '[' {
			r.readContained(data, c.contained, list)
		}
	case aParameters:
		if c.parameter >= 0 {
			r.readParameters(data, c.parameter)
		}
	}
	r.judgeLocal(data, c, list, in.apart[apart:])
	in.apart = in.apart[:apart]
	in.depth--
}

// readInner judges the resource of a parameter, which starts at data[at], and
// returns the index after it.
func (r *Reader) readInner(data []byte, at int) (end int) {
	in := &r.inner
	c := r.readContents(data, at)
	switch {
	case c.kind == aBundle:
		r.readNested(data, at, c.end)
	case r.opts.nesting+in.depth >= maxNesting:
		r.tooDeep(at)
	default:
		r.readRoot(data, c)
	}
	in.apart = append(in.apart, extent{at: at, end: c.end})
	return c.end
}

// readContents finds the members of an inner resource, which starts at data[at], and
// judges its type and id.
func (r *Reader) readContents(data []byte, at int) contents {
	c := contents{at: at, id: -1, meta: -1, contained: -1, parameter: -1}
	typed := false
	parameter := -1
	c.end = scan.Members(data, at, func(name []byte, value int) bool {
		switch string(name) {
		case "resourceType":
			text := r.plainAt(data, value)
			if typed = isTypeName(text); typed && !r.opts.version.hasType(text) {
				r.innerIssue(fhirUnknownType, value, "")
			}
			c.kind = kindOf(string(text))
		case "id":
			c.id = value
			if !isID(r.plainAt(data, value)) {
				r.innerIssue(fhirID, value, ".id")
			}
		case "meta":
			c.meta = value
		case "contained":
			c.contained = value
		case "parameter":
			parameter = value
		}
		return true
	})
	if !typed {
		r.innerIssue(fhirResourceType, at, "")
	}
	if c.kind == aParameters {
		c.parameter = parameter
	}
	return c
}

// innerIssue reports an issue of what the trail leads to, or of a member of it.
func (r *Reader) innerIssue(ru rule, at int, member string) {
	if !r.passOver(ru) {
		r.entryIssue(ru, at, r.inner.path(member), "")
	}
}

// tooDeep reports that the resource at data[at] is not judged.
func (r *Reader) tooDeep(at int) {
	if !r.passOver(notChecked) {
		r.entryIssue(notChecked, at, r.inner.path(""), "has resources nested too deeply inside one another; they were not checked")
	}
}
