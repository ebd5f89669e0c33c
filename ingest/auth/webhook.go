package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
)

// Headers of a signed webhook.
const (
	headerWebhookID        = "Webhook-Id"
	headerWebhookTimestamp = "Webhook-Timestamp"
	headerWebhookSignature = "Webhook-Signature"
)

// ErrTimestamp: a webhook's timestamp is further from now than is tolerated. It
// matches ErrInvalidToken too.
var ErrTimestamp = fmt.Errorf("%w: its timestamp is too far from now", ErrInvalidToken)

// maxSignatures is how many signatures of one request are looked at.
const maxSignatures = 16

// IsWebhook reports whether a request claims to be a signed webhook.
func IsWebhook(r *http.Request) bool { return len(r.Header.Values(headerWebhookSignature)) > 0 }

// Webhook is a request that claims to come from one of the endpoints. Its sender signed
// webhook-id, timestamp and body: nothing of the request can be believed until all of
// the body has been written to the Webhook, in order, and Verify has returned nil. So
// keep the body somewhere, don't parse it, until then.
// It is not safe for concurrent use.
type Webhook struct {
	// ID is the webhook-id: the same for all tries of one message, so it is an
	// idempotency key within its endpoint.
	ID string
	// Endpoint is the name of the endpoint, and Caller the organization that it
	// belongs to. Both are empty if there is no such endpoint, which Verify reports.
	Endpoint string
	Caller   ingest.Caller

	macs       []hash.Hash // by secret, those of the endpoint first
	real       int         // how many of them are the endpoint's
	signatures [][]byte
}

// Begin judges the headers of a request; it does not read the body. Errors:
// ErrNoCredentials without a webhook-signature; ErrMalformed if one of the three headers
// is missing, repeated or malformed; ErrInvalidToken if no signature is of a kind that
// can be checked; ErrTimestamp.
//
// An endpoint that doesn't exist is not an error of Begin. Its body is hashed like any
// other and Verify refuses it, so neither the answer nor its time tells a stranger which
// endpoints exist.
func (w *Webhooks) Begin(r *http.Request) (*Webhook, error) {
	if !IsWebhook(r) {
		return nil, ErrNoCredentials
	}
	id, idErr := single(r, headerWebhookID)
	stamp, stampErr := single(r, headerWebhookTimestamp)
	list, listErr := single(r, headerWebhookSignature)
	for _, err := range []error{idErr, stampErr, listErr} {
		if err != nil {
			return nil, err
		}
	}
	if !validWebhookID(id) {
		return nil, fmt.Errorf("%w: webhook-id must be 1 to 255 printable characters without space and full stop", ErrMalformed)
	}
	sent, ok := parseTimestamp(stamp)
	if !ok {
		return nil, fmt.Errorf("%w: webhook-timestamp must be seconds since 1970", ErrMalformed)
	}
	// Compared as seconds: the difference of two times has a largest value.
	now, tolerance := w.opts.Now().Unix(), int64(w.opts.Tolerance/time.Second)
	if sent < now-tolerance || sent > now+tolerance {
		return nil, ErrTimestamp
	}
	signatures := parseSignatures(list)
	if len(signatures) == 0 {
		return nil, ErrInvalidToken
	}
	endpoint := w.endpoints[endpointName(r)]
	m := &Webhook{ID: id, Endpoint: endpoint.name, Caller: endpoint.caller, real: len(endpoint.secrets), signatures: signatures}
	for i, secret := range w.decoys {
		if i < m.real {
			secret = endpoint.secrets[i]
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + stamp + "."))
		m.macs = append(m.macs, mac)
	}
	return m, nil
}

// Write takes the next bytes of the body. It never fails.
func (m *Webhook) Write(p []byte) (int, error) {
	for _, mac := range m.macs {
		mac.Write(p)
	}
	return len(p), nil
}

// Verify returns nil if one of the endpoint's secrets signed what was written, and
// ErrInvalidToken otherwise.
func (m *Webhook) Verify() error {
	ok := false
	for i, mac := range m.macs {
		want := mac.Sum(nil)
		for _, given := range m.signatures {
			equal := hmac.Equal(want, given)
			ok = equal && i < m.real || ok
		}
	}
	if !ok {
		return ErrInvalidToken
	}
	return nil
}

// single is the value of a header that must be there once.
func single(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	if len(values) != 1 {
		return "", fmt.Errorf("%w: %s must be there once", ErrMalformed, strings.ToLower(name))
	}
	return values[0], nil
}

// validWebhookID keeps the full stop out, which parts the id from what is signed
// behind it.
func validWebhookID(id string) bool {
	if id == "" || len(id) > 255 {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' || id[i] == '.' {
			return false
		}
	}
	return true
}

// parseTimestamp reads digits and nothing else: what is signed are the bytes.
func parseTimestamp(s string) (seconds int64, ok bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}

// parseSignatures reads those of HMAC-SHA256 in a list; there may be others, of
// schemes that are not read here.
func parseSignatures(list string) (signatures [][]byte) {
	for item := range strings.SplitSeq(list, " ") {
		scheme, value, _ := strings.Cut(item, ",")
		if scheme != "v1" {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(value)
		if err != nil || len(raw) != sha256.Size {
			continue
		}
		if signatures = append(signatures, raw); len(signatures) == maxSignatures {
			break
		}
	}
	return signatures
}
