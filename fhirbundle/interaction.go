package fhirbundle

import "strings"

// Interaction is FHIR's code for what the request of an entry asks a server to do
// (https://hl7.org/fhir/R4/valueset-restful-interaction.html). Reads, GET searches and
// histories are all InteractionRead. It is empty if the method and URL name none.
type Interaction string

const (
	// InteractionRead: any GET or HEAD.
	InteractionRead Interaction = "read"
	// InteractionCreate: a POST to a type. The body is a resource.
	InteractionCreate Interaction = "create"
	// InteractionUpdate: a PUT to an id or a query. The body is a resource.
	InteractionUpdate Interaction = "update"
	// InteractionPatch: a PATCH. The body is a patch, as a Binary or as Parameters.
	InteractionPatch Interaction = "patch"
	// InteractionDelete: a DELETE. A body means nothing.
	InteractionDelete Interaction = "delete"
	// InteractionSearch: a POST to _search. A body is no resource.
	InteractionSearch Interaction = "search"
	// InteractionOperation: a POST to the URL of an operation, of the server, a type
	// or a resource. The body is its input.
	InteractionOperation Interaction = "operation"
	// InteractionTransaction: a POST to the server's root. The body is a Bundle that
	// is processed and not kept.
	InteractionTransaction Interaction = "transaction"
)

// InteractionOf returns the interaction of Bundle.entry.request.method and .url. The
// URL may be absolute or relative to the server's root. Only its path counts. A create
// need not be of a type that FHIR defines.
func InteractionOf(method, url string) Interaction {
	path, _, _ := strings.Cut(url, "?")
	if _, after, absolute := strings.Cut(path, "://"); absolute {
		_, path, _ = strings.Cut(after, "/")
	}
	before, last := "", strings.TrimPrefix(path, "/")
	if typ, ok := strings.CutSuffix(last, "/"); ok && resourceTypes[typ[strings.LastIndexByte(typ, '/')+1:]].in != 0 {
		last = typ
	}
	if i := strings.LastIndexByte(last, '/'); i >= 0 {
		before, last = last[:i], last[i+1:]
	}
	operation := strings.HasPrefix(last, "$")
	switch method {
	case "GET", "HEAD":
		return InteractionRead
	case "PATCH":
		return InteractionPatch
	case "DELETE":
		return InteractionDelete
	case "PUT":
		if !operation {
			return InteractionUpdate
		}
	case "POST":
		switch {
		case operation:
			return InteractionOperation
		case last == "_search":
			return InteractionSearch
		case last == "":
			return InteractionTransaction
		case isCapitalized(last) && resourceTypes[before[strings.LastIndexByte(before, '/')+1:]].in == 0:
			return InteractionCreate // and not Type/id
		}
	}
	return ""
}

// isCapitalized reports whether text is written as FHIR's types are.
func isCapitalized(text string) bool {
	return text != "" && text[0]-'A' < 26 && isTypeName([]byte(text))
}
