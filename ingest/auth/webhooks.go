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

// Webhooks verifies requests signed as in Standard Webhooks
// (https://www.standardwebhooks.com): HMAC-SHA256 over webhook-id, timestamp and body.
// A signature only authenticates one body, so Webhooks is not an [Authenticator]; set
// httpapi.Options.Webhooks. It is safe for concurrent use.
type Webhooks struct {
	endpoints map[string]endpoint
	decoys    [][]byte // as many as the largest number of secrets of an endpoint
	opts      WebhookOptions
}

type endpoint struct {
	name    string
	caller  ingest.Caller
	secrets [][]byte
}

// WebhookEndpoint is one sender.
type WebhookEndpoint struct {
	// Name is the query parameter endpoint of the sender's URL, in the form of an
	// organization's id. It is not a secret. Empty: requests without the parameter.
	Name string
	// Caller is the sender. Its organization owns whatever it sends.
	Caller ingest.Caller
	// Secrets has 1 to 8 secrets, each "whsec_" and the base64 of 24 to 64 bytes. Use
	// several while you rotate them.
	Secrets []string
}

// WebhookOptions are the options of [NewWebhooks]; nil, and zero fields, mean the defaults.
type WebhookOptions struct {
	// Tolerance is how far a timestamp may be from now, in whole seconds; at least 1
	// second. Default: 5 minutes.
	Tolerance time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

const (
	secretPrefix = "whsec_"
	maxSecrets   = 8 // every body is hashed as often as an endpoint has secrets
)

// NewWebhooks returns Webhooks for some senders. Two senders can't share a secret, because
// one could sign as the other. Errors identify a sender by its position, from 1, and don't
// quote secrets.
func NewWebhooks(senders []WebhookEndpoint, opts *WebhookOptions) (*Webhooks, error) {
	if len(senders) == 0 {
		return nil, errors.New("auth: at least one webhook endpoint is needed")
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
			return nil, fmt.Errorf("auth: webhook endpoint %d has the same name as another", i+1)
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

func parseSecret(text string) (secret []byte, ok bool) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return nil, false
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	return secret, err == nil && len(secret) >= 24 && len(secret) <= 64
}

// endpointName returns the name of a request's endpoint.
func endpointName(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["endpoint"]) > 1 {
		return "?" // not a valid name
	}
	return q.Get("endpoint")
}
