// Package auth says who is calling. An [Authenticator] turns a request into the
// [ingest.Caller] whose organization owns whatever the request creates or sees;
// nothing else in a request is believed about that.
//
// [Webhooks] are senders that sign what they send, for Bundles only: a signature
// covers one body, and opens nothing else.
//
// [APIGateway] takes the word of an authorizer in front of the program, that of API
// Gateway, for who is calling.
//
// A [Challenger] sets the scheme that a refused client is asked for.
//
// [Tokens] are bearer tokens for development. A program with an identity
// provider brings an Authenticator of its own; [Func] makes one of a function.
package auth
