package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

func request(headers ...string) *http.Request {
	r := &http.Request{Header: http.Header{}}
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return r
}

func TestTokens(t *testing.T) {
	tokens, err := auth.ParseTokens("dev=demo", "s3cret==ward-7:nurse")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		headers []string
		who     ingest.Caller
		err     error
	}{
		"known":              {[]string{"Bearer dev"}, ingest.Caller{OrganizationID: "demo", OrganizationName: "demo"}, nil},
		"with user":          {[]string{"Bearer s3cret="}, ingest.Caller{OrganizationID: "ward-7", OrganizationName: "ward-7", UserID: "nurse"}, nil},
		"scheme in any case": {[]string{"bEARER   dev"}, ingest.Caller{OrganizationID: "demo", OrganizationName: "demo"}, nil},
		"none":               {nil, ingest.Caller{}, auth.ErrNoCredentials},
		"another scheme":     {[]string{"Basic ZGV2OmRldg=="}, ingest.Caller{}, auth.ErrNoCredentials},
		"two":                {[]string{"Bearer dev", "Bearer dev"}, ingest.Caller{}, auth.ErrMalformed},
		"empty":              {[]string{"Bearer "}, ingest.Caller{}, auth.ErrMalformed},
		"two words":          {[]string{"Bearer dev dev"}, ingest.Caller{}, auth.ErrMalformed},
		"control character":  {[]string{"Bearer dev\x00"}, ingest.Caller{}, auth.ErrMalformed},
		"unknown":            {[]string{"Bearer prod"}, ingest.Caller{}, auth.ErrInvalidToken},
		"prefix of a token":  {[]string{"Bearer de"}, ingest.Caller{}, auth.ErrInvalidToken},
		"only padding":       {[]string{"Bearer =="}, ingest.Caller{}, auth.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			who, err := tokens.Authenticate(request(c.headers...))
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.who, who)
		})
	}
}

func TestParseTokensErrors(t *testing.T) {
	for name, specs := range map[string][]string{
		"none":             {},
		"none but empty":   {""},
		"an empty one":     {"hunter2=demo", ""},
		"no organization":  {"hunter2"},
		"empty token":      {"=demo"},
		"empty org":        {"hunter2="},
		"org with a slash": {"hunter2=a/b"},
		"space in token":   {"hunter 2=demo"},
		"twice":            {"hunter2=demo", "hunter2=other"},
		"too long":         {strings.Repeat("hunter2", 40) + "=demo"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.ParseTokens(specs...)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hunter")
			require.Equal(t, strings.HasPrefix(name, "none"), strings.Contains(err.Error(), "there are no tokens"), err)
		})
	}
}

func TestChallenge(t *testing.T) {
	require.Equal(t, `Bearer realm="fhirdock"`, auth.Challenge(auth.ErrNoCredentials))
	require.Contains(t, auth.Challenge(fmt.Errorf("x: %w", auth.ErrInvalidToken)), `error="invalid_token"`)
	require.Contains(t, auth.Challenge(auth.ErrMalformed), `error="invalid_request"`)
	require.Contains(t, auth.Challenge(auth.ErrForbidden), `error="insufficient_scope"`)
	require.Empty(t, auth.Challenge(errors.New("key server away")))
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer dev", "bearer  a.b-c_~+/==", "Basic x", "Bearer", "", "Bearer \x80", "Bearer a b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := auth.Bearer(request(header))
		if (err == nil) == (token == "") {
			t.Fatalf("token of %d bytes, error %v", len(token), err)
		}
		// Errors must not depend on the credentials.
		if err != nil && err.Error() != "auth: no credentials" && err.Error() != "auth: malformed credentials: not a bearer token" {
			t.Fatal("unexpected error", err)
		}
	})
}

func ExampleParseTokens() {
	tokens, err := auth.ParseTokens("dev=demo:alice")
	if err != nil {
		panic(err)
	}
	r, _ := http.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer dev")
	who, err := tokens.Authenticate(r)
	fmt.Println(who.OrganizationID, who.UserID, err)
	// Output: demo alice <nil>
}

// Use your own identity provider.
func ExampleFunc() {
	var a auth.Authenticator = auth.Func(func(r *http.Request) (ingest.Caller, error) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return ingest.Caller{}, auth.ErrNoCredentials
		}
		return ingest.Caller{OrganizationID: r.TLS.PeerCertificates[0].Subject.CommonName}, nil
	})
	_, err := a.Authenticate(&http.Request{})
	fmt.Println(err)
	// Output: auth: no credentials
}

// Authenticate callers by user name and password.
func ExampleWithChallenge() {
	a := auth.WithChallenge(auth.Func(func(r *http.Request) (ingest.Caller, error) {
		user, password, ok := r.BasicAuth()
		switch {
		case !ok:
			return ingest.Caller{}, auth.ErrNoCredentials
		case user != "lab" || password != "secret": // look it up, and compare in constant time
			return ingest.Caller{}, auth.ErrInvalidToken
		}
		return ingest.Caller{OrganizationID: "lab"}, nil
	}), `Basic realm="lab"`)
	_, err := a.Authenticate(&http.Request{})
	fmt.Println(err)
	fmt.Println(auth.ChallengeOf(a, err))
	// Output:
	// auth: no credentials
	// Basic realm="lab"
}
