package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// authorized returns a request whose client tries everything to choose its tenant.
func authorized(t testing.TB, authorizer string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(auth.WithAuthorizer(t.Context(), json.RawMessage(authorizer)), http.MethodPost,
		"/v1/ingestion/fhir/Bundle?organizationId=victim", nil)
	require.NoError(t, err)
	for _, name := range []string{"organizationId", "X-Organization-Id", "X-Amzn-Request-Context", "Authorizer"} {
		r.Header.Set(name, "victim")
	}
	r.Header.Set("Authorization", "Bearer victim")
	return r
}

func TestAPIGateway(t *testing.T) {
	gateway, err := auth.NewAPIGateway(nil)
	require.NoError(t, err)
	who := ingest.Caller{OrganizationID: "demo", OrganizationName: "Demo", UserID: "alice"}
	for name, c := range map[string]struct {
		authorizer string
		who        ingest.Caller
		err        error
	}{
		"REST, Lambda":                 {`{"principalId":"alice","organizationId":"demo","organizationName":"Demo","integrationLatency":7}`, who, nil},
		"REST, Lambda, with a user":    {`{"principalId":"role","userId":"alice","organizationId":"demo","organizationName":"Demo"}`, who, nil},
		"REST, Cognito":                {`{"claims":{"sub":"alice","organizationId":"demo","organizationName":"Demo"}}`, who, nil},
		"HTTP, JWT":                    {`{"jwt":{"claims":{"sub":"alice","organizationId":"demo","organizationName":"Demo"},"scopes":null}}`, who, nil},
		"HTTP, Lambda":                 {`{"lambda":{"userId":"alice","organizationId":"demo","organizationName":"Demo"}}`, who, nil},
		"only the organization":        {`{"lambda":{"organizationId":"demo"}}`, ingest.Caller{OrganizationID: "demo"}, nil},
		"none":                         {``, ingest.Caller{}, auth.ErrNoCredentials},
		"null":                         {`null`, ingest.Caller{}, auth.ErrNoCredentials},
		"empty":                        {`{}`, ingest.Caller{}, auth.ErrNoCredentials},
		"not an object":                {`"demo"`, ingest.Caller{}, auth.ErrForbidden},
		"not JSON":                     {`{"organizationId":"demo"`, ingest.Caller{}, auth.ErrForbidden},
		"no organization":              {`{"principalId":"alice"}`, ingest.Caller{}, auth.ErrForbidden},
		"HTTP, IAM":                    {`{"iam":{"userId":"alice","principalOrgId":"demo"}}`, ingest.Caller{}, auth.ErrForbidden},
		"no claims":                    {`{"jwt":{"scopes":["a"]},"organizationId":"demo"}`, ingest.Caller{}, auth.ErrForbidden},
		"empty claims":                 {`{"claims":{},"organizationId":"demo"}`, ingest.Caller{}, auth.ErrForbidden},
		"outside the claims":           {`{"jwt":{"claims":{"sub":"a"}},"organizationId":"demo"}`, ingest.Caller{}, auth.ErrForbidden},
		"several kinds":                {`{"jwt":{"claims":{"organizationId":"demo"}},"lambda":{"organizationId":"other"}}`, ingest.Caller{}, auth.ErrForbidden},
		"a number":                     {`{"lambda":{"organizationId":7}}`, ingest.Caller{}, auth.ErrForbidden},
		"a list in API Gateway's form": {`{"jwt":{"claims":{"organizationId":"[demo other]"}}}`, ingest.Caller{}, auth.ErrForbidden},
		"a list":                       {`{"lambda":{"organizationId":["demo"]}}`, ingest.Caller{}, auth.ErrForbidden},
		"a path":                       {`{"lambda":{"organizationId":"../other"}}`, ingest.Caller{}, auth.ErrForbidden},
		"spaces":                       {`{"lambda":{"organizationId":" demo"}}`, ingest.Caller{}, auth.ErrForbidden},
		"an empty organization":        {`{"lambda":{"organizationId":""}}`, ingest.Caller{}, auth.ErrForbidden},
		"a long organization":          {fmt.Sprintf(`{"lambda":{"organizationId":%q}}`, strings.Repeat("a", 65)), ingest.Caller{}, auth.ErrForbidden},
		"a long user":                  {fmt.Sprintf(`{"lambda":{"organizationId":"demo","sub":%q}}`, strings.Repeat("a", 1025)), ingest.Caller{}, auth.ErrForbidden},
		"a name in another case":       {`{"lambda":{"OrganizationID":"demo"}}`, ingest.Caller{}, auth.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gateway.Authenticate(authorized(t, c.authorizer))
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.who, got)
			if err != nil {
				require.NotContains(t, err.Error(), "demo", "the error must not quote the context")
			}
		})
	}

	// Without an authorizer, nothing the client sends counts.
	_, err = gateway.Authenticate(authorized(t, "").WithContext(t.Context()))
	require.ErrorIs(t, err, auth.ErrNoCredentials)
}

func TestAPIGatewayNames(t *testing.T) {
	a, err := auth.NewAPIGateway(&auth.APIGatewayOptions{Organization: "custom:tenant", OrganizationName: "custom:name", User: "email"})
	require.NoError(t, err)
	got, err := a.Authenticate(authorized(t, `{"claims":{"sub":"1","email":"a@b","custom:tenant":"demo","custom:name":"Demo","organizationId":"other"}}`))
	require.NoError(t, err)
	require.Equal(t, ingest.Caller{OrganizationID: "demo", OrganizationName: "Demo", UserID: "a@b"}, got)
	_, err = a.Authenticate(authorized(t, `{"claims":{"organizationId":"other"}}`))
	require.ErrorIs(t, err, auth.ErrForbidden, "only the configured name is used")
	for _, opts := range []auth.APIGatewayOptions{{Organization: "org "}, {OrganizationName: " name"}, {User: "\tuser"}} {
		_, err := auth.NewAPIGateway(&opts)
		require.ErrorContains(t, err, "a space")
	}
}

// Convert events of API Gateway to requests.
func ExampleAPIGateway() {
	var event struct {
		RequestContext struct {
			Authorizer json.RawMessage `json:"authorizer"`
		} `json:"requestContext"`
	}
	_ = json.Unmarshal([]byte(`{"requestContext":{"authorizer":{"jwt":{"claims":{"sub":"alice","organizationId":"demo"}}}}}`), &event)
	r, _ := http.NewRequest(http.MethodGet, "/v1/ingestion/jobs", nil)
	r = r.WithContext(auth.WithAuthorizer(r.Context(), event.RequestContext.Authorizer))
	gateway, err := auth.NewAPIGateway(nil)
	if err != nil {
		panic(err)
	}
	who, err := gateway.Authenticate(r)
	fmt.Println(who.OrganizationID, who.UserID, err)
	// Output: demo alice <nil>
}
