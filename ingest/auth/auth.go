package auth

import (
	"errors"
	"net/http"

	"github.com/fhirdock/fhirdock/ingest"
)

// Authenticator identifies the caller of a request. It must be safe for concurrent use and
// must not read the request's body. Its errors are logged, so they must not contain
// credentials or claims. If it reads another scheme than Bearer, implement [Challenger] too.
type Authenticator interface {
	// Authenticate returns the caller, or ErrNoCredentials, ErrMalformed, ErrInvalidToken
	// or ErrForbidden. Any other error means that the request could not be checked: it is
	// logged and answered with 503. A caller without a valid organization gets a 403.
	Authenticate(r *http.Request) (ingest.Caller, error)
}

// Errors of an Authenticator, to be matched with errors.Is.
var (
	// ErrNoCredentials: the request has no credentials; 401.
	ErrNoCredentials = errors.New("auth: no credentials")
	// ErrMalformed: the credentials are malformed or repeated; 400.
	ErrMalformed = errors.New("auth: malformed credentials")
	// ErrInvalidToken: the token is unknown, expired or revoked; 401.
	ErrInvalidToken = errors.New("auth: invalid token")
	// ErrForbidden: the caller is known but not allowed; 403.
	ErrForbidden = errors.New("auth: forbidden")
)

// Challenger is an Authenticator with its own WWW-Authenticate header.
type Challenger interface {
	Authenticator
	// Challenge returns the WWW-Authenticate header of the answer to a request that
	// failed with err; empty for none.
	Challenge(err error) string
}

// ChallengeOf returns the WWW-Authenticate header of the answer to a request that a
// refused with err: a.Challenge(err) if a is a [Challenger], otherwise [Challenge](err).
func ChallengeOf(a Authenticator, err error) string {
	if c, ok := a.(Challenger); ok {
		return c.Challenge(err)
	}
	return Challenge(err)
}

// WithChallenge returns an Authenticator like a with another WWW-Authenticate header for
// missing or invalid credentials, for example `Basic realm="lab"`. An empty challenge means
// no header, for credentials that are not sent in one, such as client certificates.
func WithChallenge(a Authenticator, challenge string) Challenger { return challenger{a, challenge} }

type challenger struct {
	Authenticator
	challenge string
}

func (c challenger) Challenge(err error) string {
	if errors.Is(err, ErrNoCredentials) || errors.Is(err, ErrInvalidToken) {
		return c.challenge
	}
	return ""
}

// Func is a function that is an Authenticator.
type Func func(r *http.Request) (ingest.Caller, error)

// Authenticate implements [Authenticator].
func (f Func) Authenticate(r *http.Request) (ingest.Caller, error) { return f(r) }

// Challenge returns the WWW-Authenticate header for bearer tokens (RFC 6750, section 3) of
// the answer to a request that failed with err. Without credentials it has no error code.
// It is empty if err needs no challenge.
func Challenge(err error) string {
	const realm = `Bearer realm="fhirdock"`
	switch {
	case errors.Is(err, ErrNoCredentials):
		return realm
	case errors.Is(err, ErrMalformed):
		return realm + `, error="invalid_request"`
	case errors.Is(err, ErrInvalidToken):
		return realm + `, error="invalid_token"`
	case errors.Is(err, ErrForbidden):
		return realm + `, error="insufficient_scope"`
	}
	return ""
}
