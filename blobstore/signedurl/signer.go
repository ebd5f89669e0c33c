package signedurl

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
)

// MinSecret is the minimum length of a secret, in bytes.
const MinSecret = 32

// Signer creates and verifies signed URLs. It is safe for concurrent use.
type Signer struct {
	base    *url.URL
	secrets [][]byte // the first one signs, all verify
	now     func() time.Time
}

// SignerOptions are the options of a Signer; nil, and zero fields, mean the defaults.
type SignerOptions struct {
	// OldSecrets also verify URLs, so that URLs stay valid when the secret is rotated.
	// Default: none.
	OldSecrets [][]byte
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// NewSigner returns a Signer for URLs below base, for example
// http://127.0.0.1:8080/v1/objects, where the handler of [NewHandler] is mounted. The secret
// has at least [MinSecret] bytes; all processes that serve the URLs need the same one.
func NewSigner(base *url.URL, secret []byte, opts *SignerOptions) (*Signer, error) {
	switch {
	case base == nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, errors.New("signedurl: the base must be an absolute http or https URL")
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("signedurl: the base must have no user, query or fragment")
	}
	rooted := *base
	rooted.Path = "/" + strings.Trim(base.Path, "/")
	s := &Signer{base: &rooted, secrets: [][]byte{secret}, now: time.Now}
	if opts != nil {
		s.secrets = append(s.secrets, opts.OldSecrets...)
		if opts.Now != nil {
			s.now = opts.Now
		}
	}
	for _, secret := range s.secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("signedurl: a secret needs at least %d bytes", MinSecret)
		}
	}
	return s, nil
}

var _ blobstore.Signer = (*Signer)(nil)

// Enforces implements [blobstore.Signer]: all of a policy.
func (*Signer) Enforces() blobstore.Enforced {
	return blobstore.Enforced{ContentType: true, Size: true, MaxSize: true, SHA256: true, CreateOnly: true, Metadata: true, MetadataInURL: true}
}

// SignUpload implements [blobstore.Signer].
func (s *Signer) SignUpload(_ context.Context, key string, policy blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	if policy.Expiry <= 0 {
		policy.Expiry = blobstore.DefaultExpiry
	}
	expires := s.expires(policy.Expiry)
	signed, err := s.Sign(key, SignOptions{Method: http.MethodPut, Policy: policy})
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	if policy.ContentType != "" {
		headers["Content-Type"] = policy.ContentType
	}
	return &blobstore.SignedUpload{URL: signed, Method: http.MethodPut, Headers: headers, ExpiresAt: expires}, nil
}

// SignOptions are the options of a URL.
type SignOptions struct {
	// Method is GET, PUT or DELETE. A URL for GET serves HEAD too. Default: GET.
	Method string
	// Policy of the URL. Its Expiry applies to every method, the rest only to PUT.
	Policy blobstore.UploadPolicy
	// EnforceAbsentContentType makes a PUT with a Content-Type fail if the policy has none.
	EnforceAbsentContentType bool
}

// Sign returns a signed URL. It is an error if an option is invalid.
func (s *Signer) Sign(key string, o SignOptions) (string, error) {
	p := o.Policy
	if p.Expiry <= 0 {
		p.Expiry = blobstore.DefaultExpiry
	}
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	q := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			q.Set(name, value)
		}
	}
	switch o.Method {
	case http.MethodGet, http.MethodDelete:
	case http.MethodPut:
		if p.Size < 0 || p.MaxSize < 0 {
			return "", errors.New("signedurl: a size must not be negative")
		}
		if raw, err := hex.DecodeString(p.SHA256); p.SHA256 != "" && (err != nil || len(raw) != sha256.Size) {
			return "", errors.New("signedurl: the SHA-256 must be 64 hexadecimal digits")
		}
		set("type", p.ContentType, p.ContentType != "")
		set("notype", "1", o.EnforceAbsentContentType && p.ContentType == "")
		set("size", strconv.FormatInt(p.Size, 10), p.Size > 0)
		set("max", strconv.FormatInt(p.MaxSize, 10), p.MaxSize > 0)
		set("sha256", strings.ToLower(p.SHA256), p.SHA256 != "")
		set("create", "1", p.CreateOnly)
		for name, value := range p.Metadata {
			q.Set("meta-"+name, value)
		}
	default:
		return "", errors.New("signedurl: the method must be GET, PUT or DELETE")
	}
	q.Set("method", o.Method)
	q.Set("expires", strconv.FormatInt(s.expires(p.Expiry).Unix(), 10))
	u := *s.base
	// A key that a proxy or router might normalize is put into the query.
	if blobstore.ValidKey(key) {
		u = *u.JoinPath(key)
	} else {
		q.Set("key", key)
		u = *u.JoinPath("-")
	}
	q.Set("signature", hex.EncodeToString(mac(s.secrets[0], key, q)))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// expires returns the end of a URL, rounded up to a second.
func (s *Signer) expires(d time.Duration) time.Time {
	return s.now().UTC().Add(d + time.Second - time.Nanosecond).Truncate(time.Second)
}

// mac signs a key and a query, which has no signature. The length and the escaping of the
// query make the signed text unambiguous.
func mac(secret []byte, key string, q url.Values) []byte {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "fhirdock signed URL 1\n%d\n%s\n%s", len(key), key, q.Encode())
	return h.Sum(nil)
}

// grant is what a URL allows.
type grant struct {
	key    string
	method string
	policy blobstore.UploadPolicy
	noType bool
}

var (
	errSignature = errors.New("the URL was altered, or is not signed")
	errExpired   = errors.New("the URL has expired")
)

// verify checks a request's URL and returns what it allows. The handler checks the request
// against it.
func (s *Signer) verify(u *url.URL) (*grant, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errSignature
	}
	given, err := hex.DecodeString(q.Get("signature"))
	if err != nil || len(q["signature"]) != 1 {
		return nil, errSignature
	}
	q.Del("signature")
	g := &grant{key: q.Get("key"), method: q.Get("method"), noType: q.Has("notype")}
	if !q.Has("key") {
		g.key = strings.TrimPrefix(strings.TrimPrefix(u.Path, strings.TrimRight(s.base.Path, "/")), "/")
	}
	valid := false
	for _, secret := range s.secrets {
		valid = hmac.Equal(given, mac(secret, g.key, q)) || valid
	}
	if !valid {
		return nil, errSignature
	}
	expires, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if err != nil || !s.now().Before(time.Unix(expires, 0)) {
		return nil, errExpired
	}
	p := &g.policy
	p.ContentType, p.SHA256, p.CreateOnly = q.Get("type"), q.Get("sha256"), q.Has("create")
	for name, field := range map[string]*int64{"size": &p.Size, "max": &p.MaxSize} {
		if !q.Has(name) {
			continue
		}
		if *field, err = strconv.ParseInt(q.Get(name), 10, 64); err != nil {
			return nil, errSignature
		}
	}
	for name := range q {
		if meta, ok := strings.CutPrefix(name, "meta-"); ok {
			if p.Metadata == nil {
				p.Metadata = map[string]string{}
			}
			p.Metadata[meta] = q.Get(name)
		}
	}
	return g, nil
}
