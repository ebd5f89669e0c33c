// Package auth identifies callers. An [Authenticator] turns a request into the
// [ingest.Caller] whose organization owns whatever the request creates or reads. Nothing
// else in a request determines the organization.
//
// [Webhooks] verifies senders that sign their Bundles. A signature covers one body and
// gives access to nothing else.
//
// [APIGateway] takes the caller from the authorizer of AWS API Gateway.
//
// [Tokens] are bearer tokens for development. For an identity provider, write your own
// Authenticator, for example with [Func]. A [Challenger] sets the scheme that a refused
// client is asked for.
package auth
