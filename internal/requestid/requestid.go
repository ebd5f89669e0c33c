// Package requestid gives each request an id, which is in its response and in the log.
package requestid

import (
	"net/http"

	"github.com/google/uuid"
)

// Header is the header of a request's id.
const Header = "X-Request-Id"

// Of returns the id that the client gave to a request, if it is valid, or a new one.
func Of(r *http.Request) string {
	if id := r.Header.Get(Header); Valid(id) {
		return id
	}
	return uuid.NewString()
}

// Valid reports whether an id may be used: ^[\w-]{1,64}$.
func Valid(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
