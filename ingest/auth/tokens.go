package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
)

// Tokens are bearer tokens that never expire, for development and tests. They are looked up
// by their SHA-256, so that timing reveals nothing about a token.
type Tokens struct {
	callers map[[sha256.Size]byte]ingest.Caller
}

var _ Authenticator = (*Tokens)(nil)

// ParseTokens parses tokens of the form TOKEN=ORG or TOKEN=ORG:USER. Errors identify a
// token by its position, from 1, and never quote it.
func ParseTokens(specs ...string) (*Tokens, error) {
	if len(specs) == 0 || len(specs) == 1 && specs[0] == "" { // an unset variable
		return nil, errors.New("auth: there are no tokens: at least one of the form TOKEN=ORG[:USER] is needed")
	}
	t := &Tokens{callers: make(map[[sha256.Size]byte]ingest.Caller, len(specs))}
	for i, spec := range specs {
		// A token may end in "="; an organization contains none.
		at := strings.LastIndexByte(spec, '=')
		if at < 0 {
			return nil, fmt.Errorf("auth: token %d is not of the form TOKEN=ORG[:USER]", i+1)
		}
		token, who := spec[:at], spec[at+1:]
		org, user, _ := strings.Cut(who, ":")
		switch {
		case !validToken(token) || len(token) > 256:
			return nil, fmt.Errorf("auth: token %d must be 1 to 256 characters of [A-Za-z0-9-._~+/], with \"=\" only at the end", i+1)
		case !blobstore.ValidOrganization(org):
			return nil, fmt.Errorf("auth: the organization of token %d must be %s", i+1, blobstore.OrganizationForm)
		}
		key := sha256.Sum256([]byte(token))
		if _, ok := t.callers[key]; ok {
			return nil, fmt.Errorf("auth: token %d is given twice", i+1)
		}
		t.callers[key] = ingest.Caller{OrganizationID: org, OrganizationName: org, UserID: user}
	}
	return t, nil
}

// Authenticate implements [Authenticator].
func (t *Tokens) Authenticate(r *http.Request) (ingest.Caller, error) {
	token, err := Bearer(r)
	if err != nil {
		return ingest.Caller{}, err
	}
	caller, ok := t.callers[sha256.Sum256([]byte(token))]
	if !ok {
		return ingest.Caller{}, ErrInvalidToken
	}
	return caller, nil
}
