package httpapi

import (
	"net/http"
	"net/url"
	"strings"
)

// checkQuery parses a query strictly: a mistyped parameter must not select everything.
func (rt *route) checkQuery(r *http.Request) error {
	bad := func(message string) error { return &httpError{status: http.StatusBadRequest, message: message} }
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return bad("Malformed query")
	}
	if len(q) > 0 && len(rt.params) == 0 {
		return bad("Unknown parameter; none is allowed here")
	}
	known := 0
	for _, name := range rt.params {
		values, ok := q[name]
		if !ok {
			continue
		}
		known++
		if len(values) > 1 || values[0] == "" {
			return bad("The parameter " + name + " must be there once, and not be empty")
		}
	}
	if known < len(q) {
		return bad("Unknown parameter; allowed are " + listed(rt.params))
	}
	return nil
}

// listed returns names as a list in words: a, b and c.
func listed(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
