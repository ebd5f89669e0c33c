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

// ErrTimestamp: a webhook's timestamp is too far from now; see [WebhookOptions]. It matches
// ErrInvalidToken too.
var ErrTimestamp = fmt.Errorf("%w: its timestamp is too far from now", ErrInvalidToken)

// maxSignatures is how many signatures of one request are checked.
const maxSignatures = 16

// IsWebhook reports whether a request claims to be a signed webhook.
func IsWebhook(r *http.Request) bool { return len(r.Header.Values(headerWebhookSignature)) > 0 }

// Webhook is a request that claims to come from one of the endpoints. Its sender signed
// webhook-id, timestamp and body. Don't trust or parse anything of the request until all of
// the body has been written to the Webhook, in order, and Verify has returned nil.
// A Webhook is not safe for concurrent use.
type Webhook struct {
	// ID is the webhook-id. It is the same for all tries of a message, so it is an
	// idempotency key within its endpoint.
	ID string
	// Endpoint is the name of the endpoint, and Caller its owner. Both are empty if there
	// is no such endpoint, which Verify reports.
	Endpoint string
	Caller   ingest.Caller

	macs       []hash.Hash // one for each secret, then for each decoy
	real       int         // how many are for secrets
	signatures [][]byte
}

// Begin checks the headers of a request; it does not read the body. ErrNoCredentials
// without a webhook-signature; ErrMalformed if one of the three headers is missing,
// repeated or malformed; ErrInvalidToken without a signature of a supported scheme;
// ErrTimestamp.
//
// Begin does not return an error for an unknown endpoint. The body is hashed as usual and
// Verify fails, so that neither the answer nor its timing reveals which endpoints exist.
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
	// Compared in seconds, because the difference of two times can overflow.
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

// Write adds the next bytes of the body. It never fails.
func (m *Webhook) Write(p []byte) (int, error) {
	for _, mac := range m.macs {
		mac.Write(p)
	}
	return len(p), nil
}

// Verify returns nil if the written body was signed with one of the endpoint's secrets, and
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

// single returns the value of a header that must occur exactly once.
func single(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	if len(values) != 1 {
		return "", fmt.Errorf("%w: there must be exactly one %s", ErrMalformed, strings.ToLower(name))
	}
	return values[0], nil
}

// validWebhookID reports whether an id is valid. It must not contain a full stop, which
// separates it from the timestamp in the signed content.
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

// parseTimestamp parses digits only, because the bytes of the timestamp are signed.
func parseTimestamp(s string) (seconds int64, ok bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}

// parseSignatures returns the HMAC-SHA256 signatures of a list and ignores other schemes.
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
