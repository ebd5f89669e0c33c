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

// Webhook is a request that claims to come from one of the endpoints. What its
// sender signed is webhook-id, timestamp and body, so it can be believed when all
// of the body was written to it, in order, and Verify has returned nil; not before.
// It is not safe for concurrent use.
type Webhook struct {
	// ID is the webhook-id: the same for all tries of one message, so it is an
	// idempotency key within its endpoint.
	ID string
	// Endpoint is the name of the endpoint, and Caller whose it is.
	Endpoint string
	Caller   ingest.Caller

	macs       []hash.Hash // by secret
	signatures [][]byte
}

// Begin judges all of a request but its body, which it does not read. Errors:
// ErrNoCredentials without a webhook-signature; ErrMalformed where one of the three
// headers is missing, doubled or not in its form; ErrInvalidToken where there is no
// such endpoint or no signature of a kind that can be checked; ErrTimestamp.
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
	endpoint, ok := w.endpoints[endpointName(r)]
	if !ok || len(signatures) == 0 {
		return nil, ErrInvalidToken
	}
	m := &Webhook{ID: id, Endpoint: endpoint.name, Caller: endpoint.caller, signatures: signatures}
	for _, secret := range endpoint.secrets {
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
	for _, mac := range m.macs {
		want := mac.Sum(nil)
		for _, given := range m.signatures {
			ok = hmac.Equal(want, given) || ok
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
