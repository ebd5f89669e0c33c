package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
)

// APIGateway is an [Authenticator] for programs behind API Gateway of AWS, whose
// authorizer has judged the request before it comes: a Lambda authorizer, a JWT
// authorizer or a Cognito user pool. The caller is who the authorizer says, and
// nothing that a client can send: the program takes the authorizer's context from the
// event and gives it with [WithAuthorizer]. A request without one has no credentials;
// one whose context names no valid organization is forbidden. It is safe for
// concurrent use.
type APIGateway struct{ opts APIGatewayOptions }

// APIGatewayOptions are the names under which the authorizer's context, or the token's
// claims, say who is calling; nil, and zero fields, mean the defaults. Values must be
// strings.
type APIGatewayOptions struct {
	// Organization is the name of the organization's id. Default "organizationId".
	// It must be one that only the authorizer or the token's issuer can set: an
	// attribute that users of a pool may write themselves would let them choose
	// their tenant.
	Organization string
	// OrganizationName is that of the organization's name. Default "organizationName".
	OrganizationName string
	// User is that of the user's id. Default: the first there is of "userId", "sub" and
	// "principalId".
	User string
}

var _ Authenticator = (*APIGateway)(nil)

// NewAPIGateway returns an APIGateway. It is an error if an option is a name that no
// authorizer's context can have: one with a space at either end.
func NewAPIGateway(opts *APIGatewayOptions) (*APIGateway, error) {
	a := &APIGateway{}
	if opts != nil {
		a.opts = *opts
	}
	if a.opts.Organization == "" {
		a.opts.Organization = "organizationId"
	}
	if a.opts.OrganizationName == "" {
		a.opts.OrganizationName = "organizationName"
	}
	for option, name := range map[string]string{
		"Organization": a.opts.Organization, "OrganizationName": a.opts.OrganizationName, "User": a.opts.User,
	} {
		if name != strings.TrimSpace(name) {
			return nil, fmt.Errorf("auth: APIGatewayOptions.%s must have no space at either end", option)
		}
	}
	return a, nil
}

type authorizerKey struct{}

// WithAuthorizer returns a context for the request that an event of API Gateway is made
// into. authorizer is the event's requestContext.authorizer, as it is in JSON; empty or
// null if it has none. It is parsed when [APIGateway] is asked.
func WithAuthorizer(ctx context.Context, authorizer json.RawMessage) context.Context {
	return context.WithValue(ctx, authorizerKey{}, authorizer)
}

// Authenticate implements [Authenticator].
func (a *APIGateway) Authenticate(r *http.Request) (ingest.Caller, error) {
	raw, _ := r.Context().Value(authorizerKey{}).(json.RawMessage)
	said, err := authorizerContext(raw)
	if err != nil {
		return ingest.Caller{}, err
	}
	who := ingest.Caller{OrganizationID: text(said, a.opts.Organization), OrganizationName: text(said, a.opts.OrganizationName)}
	users := []string{"userId", "sub", "principalId"}
	if a.opts.User != "" {
		users = []string{a.opts.User}
	}
	for _, name := range users {
		if who.UserID = text(said, name); who.UserID != "" {
			break
		}
	}
	switch {
	case !blobstore.ValidOrganization(who.OrganizationID):
		return ingest.Caller{}, fmt.Errorf("%w: the authorizer names no organization of %s", ErrForbidden, blobstore.OrganizationForm)
	case len(who.OrganizationName) > maxAuthorizerText || len(who.UserID) > maxAuthorizerText:
		return ingest.Caller{}, fmt.Errorf("%w: a name in the authorizer's context has more than %d bytes", ErrForbidden, maxAuthorizerText)
	}
	return who, nil
}

// maxAuthorizerText bounds what goes into each record of a job.
const maxAuthorizerText = 1024

// authorizerContext returns what an authorizer said: the claims of a token, or the
// context that a Lambda authorizer returned. The kinds are told apart by where they
// are:
//
//	REST API, Cognito user pool   {"claims": {…}}
//	REST API, Lambda authorizer   {…, "principalId": "…"}; values are never objects
//	HTTP API, JWT authorizer      {"jwt": {"claims": {…}, "scopes": […]}}
//	HTTP API, Lambda authorizer   {"lambda": {…}}
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func authorizerContext(raw json.RawMessage) (map[string]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, ErrNoCredentials
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(raw, &top) != nil { // it may be quoted in the error
		return nil, fmt.Errorf("%w: the authorizer's context is no object", ErrForbidden)
	}
	if len(top) == 0 {
		return nil, ErrNoCredentials
	}
	var found []map[string]json.RawMessage
	for _, name := range []string{"claims", "lambda"} {
		if in := object(top, name); in != nil {
			found = append(found, in)
		}
	}
	if jwt := object(top, "jwt"); jwt != nil {
		found = append(found, object(jwt, "claims"))
	}
	switch len(found) {
	case 0:
		return top, nil
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%w: the authorizer's context is of several kinds", ErrForbidden)
}

// object is a member that is an object; nil if it is none.
func object(in map[string]json.RawMessage, name string) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(in[name], &o) != nil {
		return nil
	}
	return o
}

// text is a member that is a string; empty if it is none.
func text(in map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(in[name], &s) != nil {
		return ""
	}
	return s
}
