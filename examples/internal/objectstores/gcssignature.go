package objectstores

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SignatureCheck is a proxy for a GCS emulator that checks no signatures. It refuses
// requests with a signed URL as documented for Cloud Storage: by the V4 signature of the
// request (https://cloud.google.com/storage/docs/authentication/canonical-requests), by
// unsigned extension headers, and by the two conditions that uploads here use
// (https://cloud.google.com/storage/docs/xml-api/reference-headers). Other requests pass.
type SignatureCheck struct {
	Account string
	Key     *rsa.PublicKey
	Next    http.Handler
	Now     func() time.Time
	// Exists reports whether an object exists.
	Exists func(bucket, object string) bool
}

var errSignature = errors.New("SignatureDoesNotMatch")

func (c *SignatureCheck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); q.Has("X-Goog-Signature") {
		if err := c.verify(r, q); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		if status := c.conditions(r); status != 0 {
			http.Error(w, http.StatusText(status), status)
			return
		}
	}
	c.Next.ServeHTTP(w, r)
}

func (c *SignatureCheck) verify(r *http.Request, q url.Values) error {
	signature, err := hex.DecodeString(q.Get("X-Goog-Signature"))
	if err != nil {
		return errSignature
	}
	q.Del("X-Goog-Signature")
	at, err := time.Parse("20060102T150405Z", q.Get("X-Goog-Date"))
	if err != nil {
		return errSignature
	}
	seconds, err := strconv.Atoi(q.Get("X-Goog-Expires"))
	if err != nil || seconds > 7*24*3600 {
		return errSignature
	}
	if c.Now().After(at.Add(time.Duration(seconds) * time.Second)) {
		return errors.New("ExpiredToken")
	}
	scope := at.Format("20060102") + "/auto/storage/goog4_request"
	if q.Get("X-Goog-Credential") != c.Account+"/"+scope || q.Get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" {
		return errSignature
	}
	signed := strings.Split(q.Get("X-Goog-SignedHeaders"), ";")
	var headers strings.Builder
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value, _, _ = strings.Cut(r.Host, ":") // an emulator's port is not signed
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-goog-") && !slices.Contains(signed, name) {
			return errors.New("an extension header is not signed")
		}
	}
	request := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), strings.ReplaceAll(q.Encode(), "+", "%20"),
		headers.String(), strings.Join(signed, ";"), "UNSIGNED-PAYLOAD",
	}, "\n")
	sum := sha256.Sum256([]byte(request))
	text := "GOOG4-RSA-SHA256\n" + q.Get("X-Goog-Date") + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	digest := sha256.Sum256([]byte(text))
	if rsa.VerifyPKCS1v15(c.Key, crypto.SHA256, digest[:], signature) != nil {
		return errSignature
	}
	return nil
}

// conditions returns the status to refuse with, or 0.
func (c *SignatureCheck) conditions(r *http.Request) int {
	if lengths := r.Header.Get("X-Goog-Content-Length-Range"); lengths != "" {
		var least, most int64
		if _, err := fmt.Sscanf(lengths, "%d,%d", &least, &most); err != nil {
			return http.StatusBadRequest
		}
		// Count a body without a length.
		if r.ContentLength < 0 {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return http.StatusBadRequest
			}
			r.ContentLength, r.Body = int64(len(body)), io.NopCloser(strings.NewReader(string(body)))
		}
		if r.ContentLength < least || r.ContentLength > most {
			return http.StatusBadRequest // EntityTooSmall, EntityTooLarge
		}
	}
	bucket, object, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Header.Get("X-Goog-If-Generation-Match") == "0" && c.Exists(bucket, object) {
		return http.StatusPreconditionFailed
	}
	return 0
}
