package auth

import (
	"errors"
	"net/http"

	"github.com/fhirdock/fhirdock/ingest"
)

// Authenticator says who is calling. It is safe for concurrent use and must not
// read the request's body. Its errors are logged: they must hold nothing of the
// credentials, nor of a claim. One that reads another scheme than Bearer is a
// [Challenger] too.
type Authenticator interface {
	// Authenticate returns the caller. ErrNoCredentials, ErrMalformed,
	// ErrInvalidToken or ErrForbidden say what is wrong with the request; any
	// other error means that it could not be judged: it is logged, and answered
	// with a 503. A caller without a valid organization gets a 403.
	Authenticate(r *http.Request) (ingest.Caller, error)
}

// Errors of an Authenticator, to be matched with errors.Is.
var (
	// ErrNoCredentials: the request has none; 401.
	ErrNoCredentials = errors.New("no credentials")
	// ErrMalformed: the credentials are not in a form that can be judged, or
	// are there twice; 400.
	ErrMalformed = errors.New("malformed credentials")
	// ErrInvalidToken: the token is unknown, expired or revoked; 401.
	ErrInvalidToken = errors.New("invalid token")
	// ErrForbidden: the caller is known and may not do this; 403.
	ErrForbidden = errors.New("forbidden")
)

// Challenger is an Authenticator with its own WWW-Authenticate header.
type Challenger interface {
	Authenticator
	// Challenge returns the WWW-Authenticate header of the answer to a request that
	// failed with err; empty for none.
	Challenge(err error) string
}

// ChallengeOf returns the WWW-Authenticate header of the answer to a request that a
// refused with err: as a says if it is a [Challenger], otherwise as [Challenge] does.
func ChallengeOf(a Authenticator, err error) string {
	if c, ok := a.(Challenger); ok {
		return c.Challenge(err)
	}
	return Challenge(err)
}

// WithChallenge returns an Authenticator like a for another scheme: each 401 for missing
// or invalid credentials has challenge as its WWW-Authenticate header, for example
// `Basic realm="lab"`. If challenge is empty there is no such header, for credentials
// that are not sent in one, such as client certificates.
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

// Func is an Authenticator that is one function.
type Func func(r *http.Request) (ingest.Caller, error)

// Authenticate implements [Authenticator].
func (f Func) Authenticate(r *http.Request) (ingest.Caller, error) { return f(r) }

// Challenge returns the WWW-Authenticate header of an answer to a request that
// failed with err, for bearer tokens, as RFC 6750, section 3, has it: without an
// error code where there were no credentials. Empty if err asks for no challenge.
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
