package fhirbundle

import (
	"strconv"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// innerResources is the state of checking the resources inside an entry's resource:
// contained ones, and those in Parameters.
type innerResources struct {
	trail    []pathStep // from the entry's resource to the current one
	bundles  []extent   // Bundles, in order; their references are to their own entries
	separate []extent   // resources in the open roots that have their own local references
	depth    int        // open roots
	used     bool
	lists    [maxNesting]containedList
}

// pathStep is a member, and its index if it is an element of an array, or -1.
type pathStep struct {
	name  string
	index int
}

// extent is the range of a resource in the data.
type extent struct {
	at, end int
	unread  bool // a Bundle that is nested too deeply to be checked
}

// begin prepares for the resource of another entry.
func (in *innerResources) begin() {
	in.trail, in.bundles, in.separate, in.depth, in.used = in.trail[:0], in.bundles[:0], in.separate[:0], 0, true
}

func (in *innerResources) enter(name string, index int) {
	in.trail = append(in.trail, pathStep{name, index})
}

func (in *innerResources) leave() { in.trail = in.trail[:len(in.trail)-1] }

// path returns the path of a member of the current resource, starting in the entry.
func (in *innerResources) path(member string) string {
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

// release drops references to the payload.
func (in *innerResources) release() {
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
	if cap(in.separate) > DefaultMaxDepth {
		in.separate = nil
	}
}

// resourceKind says how a resource holds other resources.
type resourceKind uint8

const (
	kindDomain resourceKind = iota // or an unknown type
	kindBundle
	kindParameters
	kindBinary // holds none
)

func kindOf(typ string) resourceKind {
	switch typ {
	case "Bundle":
		return kindBundle
	case "Parameters":
		return kindParameters
	case "Binary":
		return kindBinary
	}
	return kindDomain
}

// contents has the range of a resource, and the positions of the members that rules
// need, or -1.
type contents struct {
	at, end                        int
	kind                           resourceKind
	id, meta, contained, parameter int
}

// readInside checks the resources inside the entry's resource, which starts at data[at].
func (r *Reader) readInside(data []byte, at int) {
	in := &r.inner
	in.begin()
	c := contents{
		at: at, end: at + len(r.entry.Resource), kind: kindOf(r.entry.Type),
		contained: r.scan.Marks.Value(data, placeContained), parameter: -1,
	}
	if c.kind == kindParameters {
		scan.Members(data, at, func(name []byte, value int) bool {
			if string(name) == "parameter" {
				c.parameter = value
			}
			return c.parameter < 0
		})
	}
	r.readRoot(data, c)
	r.dropNestedFindings(in.bundles)
}

// readRoot checks what is inside a resource, and its local references, which are
// resolved in it and never outside (http://hl7.org/fhir/R4/references.html#contained).
func (r *Reader) readRoot(data []byte, c contents) {
	in := &r.inner
	apart := len(in.separate)
	list := &in.lists[in.depth]
	list.reset()
	in.depth++
	switch c.kind {
	case kindDomain:
		if c.contained >= 0 && data[c.contained] == '[' {
			r.readContained(data, c.contained, list)
		}
	case kindParameters:
		if c.parameter >= 0 {
			r.readParameters(data, c.parameter)
		}
	}
	r.checkLocalRefs(data, c, list, in.separate[apart:])
	in.separate = in.separate[:apart]
	in.depth--
}

// readInner checks the resource of a parameter, which starts at data[at], and returns
// the index after it.
func (r *Reader) readInner(data []byte, at int) (end int) {
	in := &r.inner
	c := r.readContents(data, at)
	switch {
	case c.kind == kindBundle:
		r.readNested(data, at, c.end)
	case r.opts.nesting+in.depth >= maxNesting:
		r.tooDeep(at)
	default:
		r.readRoot(data, c)
	}
	in.separate = append(in.separate, extent{at: at, end: c.end})
	return c.end
}

// readContents finds the members of an inner resource, which starts at data[at], and
// checks its type and id.
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
	if c.kind == kindParameters {
		c.parameter = parameter
	}
	return c
}

// innerIssue reports an issue of the resource at the end of the trail, or of a member of
// it.
func (r *Reader) innerIssue(ru rule, at int, member string) {
	if !r.suppressed(ru) {
		r.entryIssue(ru, at, r.inner.path(member), "")
	}
}

// tooDeep reports that the resource at data[at] was not checked.
func (r *Reader) tooDeep(at int) {
	if !r.suppressed(notChecked) {
		r.entryIssue(notChecked, at, r.inner.path(""), "has resources nested too deeply inside one another; they were not checked")
	}
}

// maxNesting is how deep Bundles and Parameters may nest, counting the outermost, for
// their resources to be checked. Each level is read once more.
const maxNesting = 4

// readBundle checks the entry's resource, a Bundle that starts at data[at].
func (r *Reader) readBundle(data []byte, at int) {
	r.inner.begin()
	r.readNested(data, at, at+len(r.entry.Resource))
	r.dropNestedFindings(r.inner.bundles)
}

// readNested checks the resource data[at:end] by the rules of Bundles.
func (r *Reader) readNested(data []byte, at, end int) {
	nesting := r.opts.nesting + r.inner.depth + 1
	deep := nesting >= maxNesting
	r.inner.bundles = append(r.inner.bundles, extent{at, end, deep})
	if deep {
		r.tooDeep(at)
		return
	}
	if r.nested == nil {
		o := r.opts
		o.format, o.types, o.needEntries, o.nesting = FormatBundle, nil, false, nesting
		r.nested = newReader(o)
	}
	n := r.nested
	n.opts.nesting = nesting
	n.ResetBytes(data[at:end])
	n.collected.outer = &r.collected
	n.input.Base = r.input.Offset() + int64(at)
	n.input.Lines = r.input.LineAt(r.input.Pos + at)
	for {
		if _, err := n.Next(); err != nil {
			break
		}
	}
	if len(n.collected.errors)+len(n.collected.warnings) > 0 {
		r.adoptIssues(n)
	}
	r.collected.more += n.collected.more
	r.entry.failed = r.entry.failed || n.collected.failed
	r.collected.failed = r.collected.failed || n.collected.failed
}

// adoptIssues adds the issues of a Bundle inside the entry to those of the entry.
func (r *Reader) adoptIssues(n *Reader) {
	path := r.inner.path("")
	if r.opts.format != FormatBundle {
		path = linePath(path)
	} else {
		path = entryPath(r.entries, path)
	}
	index := r.entries
	for _, is := range n.collected.issues() {
		ru := ruleIndex(is.Code)
		if r.collected.full(ru, is.Severity) {
			r.collected.more++
			r.entry.failed = r.entry.failed || is.Severity == SeverityError
			continue
		}
		is.Path = path + strings.TrimPrefix(is.Path, "Bundle")
		is.Entry = &index
		r.issues = append(r.issues, is)
		r.collected.add(ru, is)
	}
}

// dropNestedFindings drops the scanner's findings in Bundles inside the entry's
// resource, which were reported when those were read.
func (r *Reader) dropNestedFindings(bundles []extent) {
	kept := r.scan.Findings[:0]
	for _, f := range r.scan.Findings {
		for len(bundles) > 0 && f.At >= bundles[0].end {
			bundles = bundles[1:]
		}
		if len(bundles) == 0 || f.At < bundles[0].at || bundles[0].unread {
			kept = append(kept, f)
		}
	}
	if len(kept) < len(r.scan.Findings) {
		r.scan.Lost = 0 // the nested reader has counted them
	}
	r.scan.Findings = kept
}

// readParameters checks the resources in the parameters of the array that starts at
// data[i], and in their parts. It doesn't recurse, because parts may nest as deep as
// JSON may.
func (r *Reader) readParameters(data []byte, i int) {
	if data[i] != '[' {
		return
	}
	in := &r.inner
	base := len(in.trail)
	in.enter("parameter", 0)
	i = scan.FirstElement(data, i)
	inList := true // not in one of its parameters
	for {
		switch {
		case data[i] == ']':
			in.leave()
			if len(in.trail) == base {
				return
			}
			inList = false
			i = scan.NextElement(data, i+1)
		case data[i] == '}':
			in.trail[len(in.trail)-1].index++
			inList = true
			i = scan.NextElement(data, i+1)
		case inList && data[i] == '{':
			inList = false
			i = scan.SkipSpace(data, i+1)
		case inList:
			in.trail[len(in.trail)-1].index++
			i = scan.NextElement(data, scan.SkipValue(data, i))
		default:
			i, inList = r.readPart(data, i)
		}
	}
}

// readPart reads the member of a parameter whose name starts at data[i]. It returns the
// position of the next member, or, if the member is part, of its first element.
func (r *Reader) readPart(data []byte, i int) (next int, inList bool) {
	end, plain := scan.StringEnd(data, i+1)
	name := data[i+1 : end]
	if !plain {
		name = r.plain(name)
	}
	at := scan.ValueAt(data, end+1)
	switch {
	case string(name) == "resource" && data[at] == '{':
		r.inner.enter("resource", -1)
		end = r.readInner(data, at)
		r.inner.leave()
	case string(name) == "part" && data[at] == '[':
		r.inner.enter("part", 0)
		return scan.FirstElement(data, at), true
	default:
		end = scan.SkipValue(data, at)
	}
	return scan.NextElement(data, end), false
}
