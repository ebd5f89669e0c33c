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

// APIGateway is an [Authenticator] for programs on AWS that API Gateway calls after its
// authorizer (a Lambda authorizer, a JWT authorizer or a Cognito user pool) has accepted
// the request. It takes the caller from the authorizer's context only, never from what the
// client sent: the program passes the context from the event with [WithAuthorizer]. A
// request without a context has no credentials; a context without a valid organization is
// forbidden. It is safe for concurrent use.
type APIGateway struct{ opts APIGatewayOptions }

// APIGatewayOptions has the names of the fields of the authorizer's context, or of the
// token's claims, that identify the caller. Their values must be strings. Nil, and zero
// fields, mean the defaults.
type APIGatewayOptions struct {
	// Organization is the field with the organization's id. Only the authorizer or the
	// token's issuer must be able to set it: with an attribute that users of a pool can
	// write, they could choose their tenant. Default: "organizationId".
	Organization string
	// OrganizationName is the field with the organization's name. Default:
	// "organizationName".
	OrganizationName string
	// User is the field with the user's id. Default: the first that exists of "userId",
	// "sub" and "principalId".
	User string
}

var _ Authenticator = (*APIGateway)(nil)

// NewAPIGateway returns an APIGateway. It is an error if an option starts or ends with a
// space.
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
			return nil, fmt.Errorf("auth: APIGatewayOptions.%s must not start or end with a space", option)
		}
	}
	return a, nil
}

type authorizerKey struct{}

// WithAuthorizer returns a context for the request made from an event of API Gateway.
// authorizer is the JSON of the event's requestContext.authorizer; empty or null if there
// is none. [APIGateway.Authenticate] parses it.
func WithAuthorizer(ctx context.Context, authorizer json.RawMessage) context.Context {
	return context.WithValue(ctx, authorizerKey{}, authorizer)
}

// Authenticate implements [Authenticator].
func (a *APIGateway) Authenticate(r *http.Request) (ingest.Caller, error) {
	raw, _ := r.Context().Value(authorizerKey{}).(json.RawMessage)
	fields, err := authorizerContext(raw)
	if err != nil {
		return ingest.Caller{}, err
	}
	who := ingest.Caller{OrganizationID: text(fields, a.opts.Organization), OrganizationName: text(fields, a.opts.OrganizationName)}
	users := []string{"userId", "sub", "principalId"}
	if a.opts.User != "" {
		users = []string{a.opts.User}
	}
	for _, name := range users {
		if who.UserID = text(fields, name); who.UserID != "" {
			break
		}
	}
	switch {
	case !blobstore.ValidOrganization(who.OrganizationID):
		return ingest.Caller{}, fmt.Errorf("%w: the authorizer's organization is not %s", ErrForbidden, blobstore.OrganizationForm)
	case len(who.OrganizationName) > maxAuthorizerText || len(who.UserID) > maxAuthorizerText:
		return ingest.Caller{}, fmt.Errorf("%w: a name in the authorizer's context has more than %d bytes", ErrForbidden, maxAuthorizerText)
	}
	return who, nil
}

// maxAuthorizerText bounds the names, in bytes, because they are stored in job records.
const maxAuthorizerText = 1024

// authorizerContext returns the claims of a token, or the context of a Lambda authorizer.
// They are in different places:
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
	if json.Unmarshal(raw, &top) != nil { // its error may quote the context
		return nil, fmt.Errorf("%w: the authorizer's context is not an object", ErrForbidden)
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

// object returns a member that is an object; nil if it is not.
func object(in map[string]json.RawMessage, name string) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(in[name], &o) != nil {
		return nil
	}
	return o
}

// text returns a member that is a string; empty if it is not.
func text(in map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(in[name], &s) != nil {
		return ""
	}
	return s
}
