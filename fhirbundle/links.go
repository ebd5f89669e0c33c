package fhirbundle

import "bytes"

// Links maps the entries of a Bundle to the references that replace references to
// them: when a transaction is carried out, the resources that it creates get ids. It
// resolves references by http://hl7.org/fhir/R4/bundle.html#references: an absolute
// one, such as a urn:uuid:, must equal the fullUrl of an entry; a relative one is first
// appended to the server's root, taken from the fullUrl of the entry that holds the
// reference. http and https, and capitals in the name of a server, make no difference
// (http://hl7.org/fhir/R4/http.html#root).
//
// The zero value is ready to use. It holds a fullUrl and a [Target] for each entry
// added. Resolve may be called concurrently, but not while Add is.
type Links struct {
	targets map[string]Target
}

// Target is what a reference to an entry becomes.
type Target struct {
	// Reference replaces the reference, for example "Patient/123".
	Reference string
	// VersionID is the version that a version-specific reference is to. Where it is
	// empty, such references are not resolved.
	VersionID string
}

// Add adds an entry by its fullUrl. An entry without one can't be referred to, and is
// ignored. If two have the same one, the last counts.
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
// target's version takes the place of the reference's. References to contained
// resources and conditional ones, "Type?query", are not resolved.
//
// from need not have been added. If it is empty, or isn't an http or https URL that
// ends in a type and an id, relative references have no meaning within the Bundle.
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

// isTypeAndID reports whether text is Type/id.
func isTypeAndID(text []byte) bool {
	typ, id, ok := bytes.Cut(text, []byte("/"))
	return ok && isResourceType(typ) && isID(id)
}

// isResourceType reports whether some version of FHIR has a resource type of that
// name.
func isResourceType(name []byte) bool { return resourceTypes[string(name)].in != 0 }
