package auth_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// certificates is a custom Authenticator. It reads the organization from the client
// certificate, which the TLS server has verified.
type certificates struct{}

func (certificates) Authenticate(r *http.Request) (ingest.Caller, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ingest.Caller{}, auth.ErrNoCredentials // answered with 401
	}
	leaf := r.TLS.VerifiedChains[0][0]
	if len(leaf.Subject.Organization) != 1 {
		return ingest.Caller{}, auth.ErrForbidden // answered with 403
	}
	return ingest.Caller{OrganizationID: leaf.Subject.Organization[0], UserID: leaf.Subject.CommonName}, nil
}

// A custom Authenticator, here for client certificates. Give it to httpapi.New or backends.Backends.Mount.
func ExampleAuthenticator() {
	var who auth.Authenticator = certificates{}
	r := httptest.NewRequest("POST", "https://fhir.example/v1/ingestion/fhir/Bundle", nil)
	r.TLS.VerifiedChains = nil
	_, err := who.Authenticate(r)
	fmt.Println(err)

	leaf := &x509.Certificate{}
	leaf.Subject.Organization, leaf.Subject.CommonName = []string{"clinic"}, "exporter"
	r.TLS.VerifiedChains = [][]*x509.Certificate{{leaf}}
	caller, err := who.Authenticate(r)
	fmt.Println(caller.OrganizationID, caller.UserID, err)
	// Output:
	// auth: no credentials
	// clinic exporter <nil>
}
