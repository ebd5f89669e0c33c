package sink

import (
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
)

// keeps reports whether the lake stores an entry's resource.
func keeps(r *ingest.Resource) bool {
	if r.Raw == nil {
		return false
	}
	if r.Method == "" && r.Request == nil {
		return true
	}
	switch fhirbundle.InteractionOf(r.Method, r.URL) {
	case fhirbundle.InteractionCreate, fhirbundle.InteractionUpdate:
		return true
	}
	return false
}

// rejection returns why an entry is not stored. It names the method if FHIR defines it,
// and quotes nothing else.
func rejection(r *ingest.Resource) string {
	const kept = "; a lake stores only the resource of a POST to a type, of a PUT, or of an entry without a request"
	switch r.Method {
	case "GET", "HEAD", "DELETE", "PATCH":
		return "The entry is a " + r.Method + kept
	case "PUT", "POST":
		if r.Raw == nil {
			return "The entry is a " + r.Method + " without a resource" + kept
		}
	case "":
		if r.Request == nil {
			return "The entry has neither a resource nor a request" + kept
		}
		return "The entry's request has no method" + kept
	default:
		return "The method of the entry's request is not one that FHIR defines" + kept
	}
	switch fhirbundle.InteractionOf(r.Method, r.URL) {
	case fhirbundle.InteractionOperation:
		return "The entry is a POST to an operation" + kept
	case fhirbundle.InteractionSearch:
		return "The entry is a POST to _search" + kept
	case fhirbundle.InteractionTransaction:
		return "The entry is a POST to the server's root" + kept
	}
	return "The entry is a " + r.Method + " whose URL does not fit its method" + kept
}
