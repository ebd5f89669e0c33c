package fhirbundle

import "bytes"

// Links says what the entries of a Bundle are called by, once they have new
// identities, as the entries of a transaction have that a server creates. It resolves
// references as http://hl7.org/fhir/R4/bundle.html#references says: an absolute one,
// such as a urn:uuid:, is the fullUrl of an entry; a relative one is taken against the
// server that the fullUrl of the entry that holds it names, if that is the URL of a
// resource.
//
// The zero value is ready to use. It takes memory for what is added: a fullUrl and a
// [Target] for each entry. Resolve may be called from several goroutines, as long as
// Add isn't.
type Links struct {
	targets map[string]Target
}

// Target is what an entry is called by from now on.
type Target struct {
	// Reference replaces references to the entry, for example "Patient/123".
	Reference string
	// VersionID is the version of the resource, for references that name one:
	// they go on to do so. Where it is empty they are not resolved.
	VersionID string
}

// Add takes in an entry by its fullUrl. An entry without one can't be referred to,
// and is left out; of entries with the same one, the last counts.
func (l *Links) Add(fullURL string, to Target) {
	if fullURL == "" {
		return
	}
	if l.targets == nil {
		l.targets = map[string]Target{}
	}
	l.targets[fullURL] = to
}

// Resolve returns what a reference is replaced by that is in the entry with the
// fullUrl from. ok is false if it is not to an entry that was added. A fragment stays,
// and a version becomes the target's. Conditional references, "Type?query", and those
// to contained resources are not resolved.
//
// The entry that from names need not have been added. A relative reference in an entry
// whose fullUrl is absent, or is no http or https URL that ends in a type and an id,
// means nothing within the Bundle.
func (l *Links) Resolve(from string, ref []byte) (to string, ok bool) {
	ref, fragment, hasFragment := bytes.Cut(ref, []byte("#"))
	ref, _, versioned := bytes.Cut(ref, []byte("/_history/"))
	if len(ref) == 0 {
		return "", false
	}
	target, ok := l.targets[string(ref)]
	if !ok && isTypeAndID(ref) {
		full := append(make([]byte, 0, 128), from...)
		typ, id := restful(full)
		if !isResourceType(typ) {
			return "", false
		}
		full = append(full[:len(full)-len(typ)-len("/")-len(id)], ref...)
		target, ok = l.targets[string(full)]
	}
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
