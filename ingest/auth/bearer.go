package auth

import (
	"fmt"
	"net/http"
	"strings"
)

// maxToken is the longest bearer token accepted, in bytes.
const maxToken = 16 << 10

// Bearer returns the bearer token of a request's Authorization header (RFC 6750, section
// 2.1). The scheme is not case-sensitive. ErrNoCredentials if there is no such header or it
// has another scheme; ErrMalformed if there are several headers or the token is invalid.
func Bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	switch len(headers) {
	case 0:
		return "", ErrNoCredentials
	case 1:
	default:
		return "", fmt.Errorf("%w: more than one Authorization header", ErrMalformed)
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredentials
	}
	token = strings.TrimLeft(token, " ")
	if !validToken(token) {
		return "", fmt.Errorf("%w: not a bearer token", ErrMalformed)
	}
	return token, nil
}

// validToken reports whether s is a b68token of RFC 6750:
// 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
func validToken(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" || len(s) > maxToken {
		return false
	}
	for i := range len(body) {
		c := body[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return true
}
