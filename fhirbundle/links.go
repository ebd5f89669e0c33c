package fhirbundle

import (
	"bytes"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// Links maps the entries of a Bundle to new references, for example to the ids that a
// server has assigned to the resources of a transaction. It resolves references by
// http://hl7.org/fhir/R4/bundle.html#references: an absolute one, such as a urn:uuid:,
// must equal the fullUrl of an entry; a relative one is first appended to the server's
// root, taken from the fullUrl of the entry that holds the reference. http or https, and
// the case of a server's name, make no difference
// (http://hl7.org/fhir/R4/http.html#root).
//
// The zero value is ready to use. It holds a fullUrl and a [Target] for each entry
// added. Resolve may be called concurrently, but not with Add.
type Links struct {
	targets map[string]Target
}

// Target is what references to an entry become.
type Target struct {
	// Reference replaces the reference, for example "Patient/123".
	Reference string
	// VersionID is the version for version-specific references. If it is empty, these are
	// not resolved.
	VersionID string
}

// Add adds an entry by its fullUrl. It ignores an entry without one, because nothing can
// refer to it. If two entries have the same fullUrl, the last one counts.
func (l *Links) Add(fullURL string, to Target) {
	if fullURL == "" {
		return
	}
	if l.targets == nil {
		l.targets = map[string]Target{}
	}
	l.targets[string(normalURL(nil, []byte(fullURL)))] = to
}

// Resolve returns what replaces a reference in the entry whose fullUrl is from. ok is
// false if the reference is not to an entry that was added. A fragment is kept, and the
// target's version replaces the reference's. References to contained resources and
// conditional ones, "Type?query", are not resolved.
//
// from need not have been added. If it is empty, or not an http or https URL that ends
// in a type and an id, relative references are not resolved.
func (l *Links) Resolve(from string, ref []byte) (to string, ok bool) {
	ref, fragment, hasFragment := bytes.Cut(ref, []byte("#"))
	ref, _, versioned := bytes.Cut(ref, []byte("/_history/"))
	if len(ref) == 0 || bytes.IndexByte(ref, '?') >= 0 {
		return "", false
	}
	var url []byte
	switch {
	case isAbsolute(ref):
		url = normalURL(make([]byte, 0, 128), ref)
	case isTypeAndID(ref):
		url = append(make([]byte, 0, 128), from...)
		url = normalURL(make([]byte, 0, 128), url)
		typ, id := restful(url)
		if !isResourceType(typ) {
			return "", false
		}
		url = append(url[:len(url)-len(typ)-len("/")-len(id)], ref...)
	default:
		return "", false
	}
	target, ok := l.targets[string(url)]
	if !ok || versioned && target.VersionID == "" {
		return "", false
	}
	to = target.Reference
	if versioned {
		to += "/_history/" + target.VersionID
	}
	if hasFragment {
		to += "#" + string(fragment)
	}
	return to, true
}

// AppendResolved appends a resource to dst with its references replaced, and returns
// the extended slice. Everything else is copied byte for byte. It calls resolve, for
// example [Links.Resolve], with each unescaped reference, and replaces the reference if
// ok is true. resolve must not keep ref. It isn't called for references to contained
// resources, "#id".
//
// In a transaction, a server replaces more than References
// (http://hl7.org/fhir/R4/http.html#trules). AppendResolved follows that as far as the
// name of an element tells its type. These are replaced:
//
//   - reference, if it is a string;
//   - elements whose names end in a type that is uri, url, oid or uuid, such as valueUri;
//   - url, as in an Attachment, but not an extension's, which names its definition, nor a
//     resource's own, which is what canonicals refer to;
//   - in a narrative, the href of an <a> and the src of an <img>.
//
// These are not: elements of type canonical, elements like system that are a uri only by
// the definition of the resource, and the resource's id. Bundles are copied unchanged, even
// inside another resource, because their references are to their own entries. If such a
// Bundle has its resourceType last, resolve is called for references that are not replaced.
//
// The resource must be valid JSON, such as [Entry.Resource] of an entry that is not
// rejected. AppendResolved takes linear time, and allocates only for references with
// escapes and for narratives with links. It is safe for concurrent use if resolve is.
func AppendResolved(dst, resource []byte, resolve func(ref []byte) (to string, ok bool)) []byte {
	w := resolver{dst: dst, data: resource, resolve: resolve}
	w.run()
	return append(w.dst, w.data[w.done:]...)
}

// resolver copies a resource and replaces its references.
type resolver struct {
	dst     []byte
	data    []byte
	done    int // how much of data is in dst
	resolve func([]byte) (string, bool)
	scratch []byte
}

// resolverLevel is an open object or array.
type resolverLevel struct {
	dst, done int // of the resolver at its start, to go back to
	of        valueRole
	list      bool
}

// valueRole is the meaning of a value, by the name of its member.
type valueRole uint8

const (
	roleOther     valueRole = iota
	roleReference           // a string is a reference
	roleURL                 // a string is a reference, unless the object is a roleOwnURL
	roleDiv                 // a string may be a narrative
	roleResourceType
	roleOwnURL // the url of an object in it is not a reference
)

// roleOf returns the role of a member with that name.
func roleOf(name []byte) valueRole {
	switch string(name) {
	case "reference":
		return roleReference
	case "url":
		return roleURL
	case "div":
		return roleDiv
	case "resourceType":
		return roleResourceType
	case "extension", "modifierExtension", "contained", "resource":
		return roleOwnURL
	case "unmapped", "structure", "operation":
		// url is a canonical in ConceptMap and StructureMap, and text in TestScript.
		return roleOwnURL
	}
	for _, suffix := range [...]string{"Uri", "Url", "Oid", "Uuid"} {
		if len(name) > len(suffix) && string(name[len(name)-len(suffix):]) == suffix {
			return roleReference
		}
	}
	return roleOther
}

func (w *resolver) run() {
	var room [32]resolverLevel
	levels := room[:0] // open objects and arrays
	of := roleOwnURL   // the resource
	bundleLevel := 0   // the level of the Bundle that is being copied, or 0
	for i := 0; i < len(w.data); {
		switch c := w.data[i]; c {
		case '{', '[':
			levels = append(levels, resolverLevel{len(w.dst), w.done, of, c == '['})
			i++
		case '}', ']':
			i++
			n := len(levels)
			if n == 0 {
				return
			}
			if bundleLevel == n {
				bundleLevel = 0
			}
			if levels = levels[:n-1]; n > 1 && levels[n-2].list {
				of = levels[n-2].of
			}
		case '"':
			end, _ := scan.String(w.data, i+1, true)
			next := scan.SkipSpace(w.data, end+1)
			switch {
			case end >= len(w.data):
				return
			case next < len(w.data) && w.data[next] == ':':
				of = roleOf(w.text(i+1, end))
				next++
			case bundleLevel > 0 || len(levels) == 0:
			case of == roleResourceType && string(w.text(i+1, end)) == "Bundle":
				top := levels[len(levels)-1]
				w.dst, w.done, bundleLevel = w.dst[:top.dst], top.done, len(levels)
			default:
				w.value(of, &levels[len(levels)-1], i+1, end)
			}
			i = next
		default:
			i++
		}
	}
}

// value handles the string data[start:end], which is in the object or array top.
func (w *resolver) value(of valueRole, top *resolverLevel, start, end int) {
	switch {
	case of == roleReference, of == roleURL && !top.list && top.of != roleOwnURL:
		if to, ok := w.ask(w.text(start, end)); ok {
			w.replace(start, end, appendJSON, to)
		}
	case of == roleDiv:
		if text := w.data[start:end]; bytes.Contains(text, []byte("href")) || bytes.Contains(text, []byte("src")) {
			w.narrative(start, end)
		}
	}
}

// text returns data[start:end], the text of a string, without escapes.
func (w *resolver) text(start, end int) []byte {
	text := w.data[start:end:end]
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	w.scratch = scan.Unescape(w.scratch[:0], text)
	return w.scratch
}

func (w *resolver) ask(ref []byte) (string, bool) {
	if len(ref) == 0 || ref[0] == '#' {
		return "", false
	}
	return w.resolve(ref)
}

// replace writes to instead of data[start:end].
func (w *resolver) replace(start, end int, write func(dst []byte, text string) []byte, to string) {
	w.dst = append(w.dst, w.data[w.done:start]...)
	w.dst = write(w.dst, to)
	w.done = end
}

// appendJSON appends text as the text of a JSON string.
func appendJSON(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendAttribute appends text as an attribute of a narrative in a JSON string.
func appendAttribute(dst []byte, text string) []byte {
	return appendJSON(dst, attributeEscaper.Replace(text))
}

var attributeEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "'", "&#39;")
