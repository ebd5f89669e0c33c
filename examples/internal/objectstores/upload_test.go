package objectstores_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
)

const ndjson = "application/fhir+ndjson"

// request is a client's or an attacker's request. Its Content-Length is the body's.
type request struct {
	method, url string
	headers     map[string]string
	body        []byte
}

// as returns the request of an honest client.
func as(method, url string, headers map[string]string, body []byte) request {
	return request{method, url, maps.Clone(headers), body}
}

func (r request) send(t *testing.T) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, r.url, bytes.NewReader(r.body))
	require.NoError(t, err)
	for name, value := range r.headers {
		if name != "Content-Length" { // Go sets it from the body
			req.Header.Set(name, value)
		}
	}
	if len(r.body) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// signedUploads checks honest uploads.
func signedUploads(t *testing.T, b *opened) {
	body := []byte("some lines\n")
	policies := map[string]blobstore.UploadPolicy{
		"every limit": {
			ContentType: ndjson + "; fhirVersion=4.3", Size: int64(len(body)), MaxSize: 1 << 20, SHA256: digest(body), CreateOnly: true,
			Metadata: map[string]string{"job_id": "j-1&=%/+", "organization_id": "o_1"}, Expiry: time.Hour,
		},
		"no limits":     {},
		"up to a limit": {ContentType: ndjson, MaxSize: int64(len(body)), CreateOnly: true},
	}
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			key := "signed/" + strings.ReplaceAll(name, " ", "-") + ".ndjson"
			signed, err := b.store.SignUpload(t.Context(), key, policy)
			require.NoError(t, err)
			if policy.Expiry == 0 {
				policy.Expiry = blobstore.DefaultExpiry
			}
			require.WithinDuration(t, time.Now().Add(policy.Expiry), signed.ExpiresAt, 10*time.Second)

			status, answer := as(signed.Method, signed.URL, signed.Headers, body).send(t)
			require.Less(t, status, 300, answer)
			o, err := b.store.Attributes(t.Context(), key)
			require.NoError(t, err)
			require.EqualValues(t, len(body), o.Size)
			if policy.ContentType != "" {
				require.Equal(t, policy.ContentType, o.ContentType)
			}
			require.Empty(t, o.ContentEncoding)
			require.Equal(t, len(policy.Metadata), len(o.Metadata))
			for name, value := range policy.Metadata {
				require.Equal(t, value, o.Metadata[name])
			}
			if b.store.Enforces().SHA256 {
				require.Equal(t, policy.SHA256, o.SHA256, "the store keeps the digest that it checked")
			}
		})
	}

	t.Run("what can't be signed", func(t *testing.T) {
		for name, c := range map[string]struct {
			key    string
			policy blobstore.UploadPolicy
			want   string
		}{
			"expiry":   {"k", blobstore.UploadPolicy{Expiry: 7*24*time.Hour + time.Second}, "168h"},
			"digest":   {"k", blobstore.UploadPolicy{SHA256: "abc"}, "64 hexadecimal digits"},
			"size":     {"k", blobstore.UploadPolicy{Size: -1}, "negative"},
			"sizes":    {"k", blobstore.UploadPolicy{Size: 3, MaxSize: 2}, "maximum"},
			"metadata": {"k", blobstore.UploadPolicy{Metadata: map[string]string{"a b": "c"}}, "[a-z0-9_]"},
			"value":    {"k", blobstore.UploadPolicy{Metadata: map[string]string{"a": "s3cret\r\nb"}}, "printable"},
			"type":     {"k", blobstore.UploadPolicy{ContentType: "s3cret\r\nb"}, "printable"},
		} {
			_, err := b.store.SignUpload(t.Context(), c.key, c.policy)
			require.ErrorContains(t, err, c.want, name)
			require.NotContains(t, err.Error(), "s3cret", name)
		}
		_, err := b.store.Signer().SignUpload(t.Context(), "a/../b", blobstore.UploadPolicy{})
		require.ErrorIs(t, err, blobstore.ErrKey)
		_, err = b.store.SignUpload(t.Context(), "k", blobstore.UploadPolicy{Expiry: 7 * 24 * time.Hour})
		require.NoError(t, err, "seven days are allowed")
	})

	t.Run("after its expiry", func(t *testing.T) {
		signed, err := b.store.SignUpload(t.Context(), "late/a.ndjson", blobstore.UploadPolicy{Expiry: time.Second})
		require.NoError(t, err)
		require.Less(t, time.Until(signed.ExpiresAt), 5*time.Second)
		// Services compare whole seconds, and for some the last one is still valid.
		time.Sleep(time.Until(signed.ExpiresAt) + 1100*time.Millisecond)
		status, answer := as(signed.Method, signed.URL, signed.Headers, body).send(t)
		require.GreaterOrEqual(t, status, 400, answer)
		require.Less(t, status, 500, answer)
		_, err = b.store.Attributes(t.Context(), "late/a.ndjson")
		require.ErrorIs(t, err, blobstore.ErrNotFound)
	})
}
