// Package policy has what the clouds' signers share: checking policies and URLs.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
)

// Check returns a policy with defaults and the expiry in whole seconds. It is an error if the
// policy is invalid.
func Check(key string, p blobstore.UploadPolicy, maxExpiry time.Duration) (blobstore.UploadPolicy, error) {
	if !blobstore.ValidKey(key) {
		return p, blobstore.ErrKey
	}
	if p.Expiry <= 0 {
		p.Expiry = blobstore.DefaultExpiry
	}
	if p.Expiry > maxExpiry {
		return p, fmt.Errorf("the expiry exceeds the service's limit of %v", maxExpiry)
	}
	// Services use whole seconds; round up.
	p.Expiry = (p.Expiry + time.Second - 1).Truncate(time.Second)
	switch {
	case p.Size < 0 || p.MaxSize < 0:
		return p, errors.New("a size must not be negative")
	case p.MaxSize > 0 && p.Size > p.MaxSize:
		return p, errors.New("the size exceeds the policy's own maximum")
	case !visible(p.ContentType, true):
		return p, errors.New("the content type must be printable ASCII")
	}
	p.SHA256 = strings.ToLower(p.SHA256)
	if raw, err := hex.DecodeString(p.SHA256); p.SHA256 != "" && (err != nil || len(raw) != sha256.Size) {
		return p, errors.New("the SHA-256 must be 64 hexadecimal digits")
	}
	for name, value := range p.Metadata {
		if !validName(name) {
			return p, errors.New("metadata names must match ^[a-z_][a-z0-9_]*$")
		}
		if value == "" || !visible(value, false) {
			return p, fmt.Errorf("the metadata %s must be printable ASCII without spaces, and not empty", name)
		}
	}
	return p, nil
}

// validName reports whether all services keep a name unchanged.
func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return name != ""
}

// visible reports whether a header transmits a value unchanged.
func visible(s string, space bool) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && !space {
			return false
		}
	}
	return true
}

// Parse parses the URL of a bucket, which has the given scheme, a name without a path, and
// only allowed parameters.
func Parse(scheme, raw string, allowed ...string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("malformed URL")
	}
	if u.Scheme != scheme || u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("the URL must be %s://NAME, with or without parameters", scheme)
	}
	query, err := url.ParseQuery(u.RawQuery) // u.Query ignores malformed parameters
	if err != nil {
		return nil, errors.New("the parameters are malformed")
	}
	for name, values := range query {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("unknown parameter %q; supported are %s", name, strings.Join(allowed, ", "))
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("the parameter %q is given more than once", name)
		}
	}
	return u, nil
}
