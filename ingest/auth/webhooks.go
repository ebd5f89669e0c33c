package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
)

// Webhooks knows the senders that sign what they send, as Standard Webhooks has it
// (https://www.standardwebhooks.com): HMAC-SHA256 over webhook-id, timestamp and
// body. A signature says who sent a body and nothing else, so Webhooks is no
// [Authenticator]; httpapi.Options has a place for it. It is safe for concurrent
// use.
type Webhooks struct {
	endpoints map[string]endpoint
	decoys    [][]byte // as many as the endpoint with the most secrets has
	opts      WebhookOptions
}

type endpoint struct {
	name    string
	caller  ingest.Caller
	secrets [][]byte
}

// WebhookEndpoint is one sender.
type WebhookEndpoint struct {
	// Name that the sender's URL has as its query parameter endpoint; it is no
	// secret. Its form is that of an organization's id. Empty: for requests without
	// the parameter.
	Name string
	// Caller is who the sender is: its organization owns whatever comes from it.
	Caller ingest.Caller
	// Secrets, each "whsec_" and the base64 of 24 to 64 bytes. At most eight; set
	// several while one replaces another.
	Secrets []string
}

// WebhookOptions; nil, and zero fields, mean the defaults.
type WebhookOptions struct {
	// Tolerance is how far a timestamp may be from now, in whole seconds. Default 5
	// minutes; at least 1 second.
	Tolerance time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

const (
	secretPrefix = "whsec_"
	maxSecrets   = 8 // the body of every webhook is hashed as often as one endpoint has secrets
)

// NewWebhooks returns the senders. An error says which of them is wrong, by its
// place from 1, and quotes no secret. One secret can't be that of two senders: what
// one of them signed would count as the other's.
func NewWebhooks(senders []WebhookEndpoint, opts *WebhookOptions) (*Webhooks, error) {
	if len(senders) == 0 {
		return nil, errors.New("auth: no webhook endpoint is given")
	}
	w := &Webhooks{endpoints: make(map[string]endpoint, len(senders))}
	if opts != nil {
		w.opts = *opts
	}
	switch {
	case w.opts.Tolerance == 0:
		w.opts.Tolerance = 5 * time.Minute
	case w.opts.Tolerance < time.Second:
		return nil, errors.New("auth: WebhookOptions.Tolerance must be at least 1 second")
	}
	if w.opts.Now == nil {
		w.opts.Now = time.Now
	}
	known := map[string]bool{}
	for i, s := range senders {
		_, doubled := w.endpoints[s.Name]
		switch {
		case s.Name != "" && !blobstore.ValidOrganization(s.Name): // the same form
			return nil, fmt.Errorf("auth: the name of webhook endpoint %d must be empty, or %s", i+1, blobstore.OrganizationForm)
		case doubled:
			return nil, fmt.Errorf("auth: webhook endpoint %d has the name of another", i+1)
		case !blobstore.ValidOrganization(s.Caller.OrganizationID):
			return nil, fmt.Errorf("auth: the organization of webhook endpoint %d must be %s", i+1, blobstore.OrganizationForm)
		case len(s.Secrets) == 0 || len(s.Secrets) > maxSecrets:
			return nil, fmt.Errorf("auth: webhook endpoint %d must have 1 to %d secrets", i+1, maxSecrets)
		}
		e := endpoint{name: s.Name, caller: s.Caller}
		for _, text := range s.Secrets {
			secret, ok := parseSecret(text)
			if !ok {
				return nil, fmt.Errorf("auth: a secret of webhook endpoint %d is not %q and the base64 of 24 to 64 bytes", i+1, secretPrefix)
			}
			if known[string(secret)] {
				return nil, fmt.Errorf("auth: a secret of webhook endpoint %d is given twice", i+1)
			}
			known[string(secret)] = true
			e.secrets = append(e.secrets, secret)
		}
		w.endpoints[s.Name] = e
		for len(w.decoys) < len(e.secrets) {
			decoy := make([]byte, 32)
			rand.Read(decoy) // never fails
			w.decoys = append(w.decoys, decoy)
		}
	}
	return w, nil
}

// ParseWebhooks reads senders of the form ORG=SECRET or ORG:USER=SECRET. The name
// of the endpoint is the organization; what is there several times has several
// secrets. An error says which of them is wrong, by its place from 1, and quotes
// none.
func ParseWebhooks(specs []string, opts *WebhookOptions) (*Webhooks, error) {
	var senders []WebhookEndpoint
	at := map[string]int{}
	for i, spec := range specs {
		who, secret, ok := strings.Cut(spec, "=") // a secret may end in "=", an organization has none
		if _, valid := parseSecret(secret); !ok || !valid {
			return nil, fmt.Errorf("auth: webhook %d is not of the form ORG[:USER]=%s and the base64 of 24 to 64 bytes", i+1, secretPrefix)
		}
		org, user, _ := strings.Cut(who, ":")
		k, there := at[org]
		if !there {
			k, at[org] = len(senders), len(senders)
			senders = append(senders, WebhookEndpoint{
				Name: org, Caller: ingest.Caller{OrganizationID: org, OrganizationName: org, UserID: user},
			})
		}
		if senders[k].Caller.UserID != user {
			return nil, fmt.Errorf("auth: webhook %d names another user than the one before it of its organization", i+1)
		}
		senders[k].Secrets = append(senders[k].Secrets, secret)
	}
	return NewWebhooks(senders, opts)
}

func parseSecret(text string) (secret []byte, ok bool) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return nil, false
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	return secret, err == nil && len(secret) >= 24 && len(secret) <= 64
}

// endpointName is the endpoint that a request names.
func endpointName(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["endpoint"]) > 1 {
		return "?" // no endpoint has this name
	}
	return q.Get("endpoint")
}
