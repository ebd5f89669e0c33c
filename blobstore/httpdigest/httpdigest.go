// Package httpdigest checks the body of a request against what its headers promise
// of it: Content-Digest (RFC 9530) and Content-MD5 (RFC 1864).
package httpdigest

import (
	"crypto/md5" //nolint:gosec // checked where a client sends it, and trusted for nothing
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
)

// Errors of this package. They hold nothing of a header's value.
var (
	// ErrMalformed: a header is not in its form, or names no algorithm that is known.
	// [Want] says which are.
	ErrMalformed = errors.New("Content-Digest must be sha-256=:BASE64: or sha-512=:BASE64:, and Content-MD5 the base64 of 16 bytes")
	// ErrMismatch: the body is not the one that was promised.
	ErrMismatch = errors.New("the body does not have the digest that its header says")
)

// Want is the value of the header Want-Content-Digest of an answer to a request whose
// digest can't be checked (RFC 9530, section 4).
const Want = "sha-256=10, sha-512=3"

// algorithms by their names in Content-Digest. md5 is deprecated there, and sent all
// the same.
var algorithms = map[string]func() hash.Hash{"sha-256": sha256.New, "sha-512": sha512.New, "md5": md5.New}

// Digests are those that a request promises. It is not safe for concurrent use.
type Digests struct{ promised []promise }

type promise struct {
	algorithm string
	sum       []byte
	hash      hash.Hash
}

// Parse reads the headers of a request. Algorithms that are not known are passed over
// where there is one that is.
func Parse(header http.Header) (*Digests, error) {
	d := &Digests{}
	unknown := false
	for _, line := range header.Values("Content-Digest") {
		for item := range strings.SplitSeq(line, ",") {
			name, value, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok {
				return nil, ErrMalformed
			}
			name = strings.ToLower(name)
			if algorithms[name] == nil {
				unknown = true
				continue
			}
			value, _, _ = strings.Cut(value, ";") // parameters, of which there are none
			value = strings.TrimSpace(value)
			if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' || !d.add(name, value[1:len(value)-1]) {
				return nil, ErrMalformed
			}
		}
	}
	if unknown && len(d.promised) == 0 {
		return nil, ErrMalformed
	}
	for _, value := range header.Values("Content-MD5") {
		if !d.add("md5", strings.TrimSpace(value)) {
			return nil, ErrMalformed
		}
	}
	return d, nil
}

func (d *Digests) add(algorithm, encoded string) bool {
	h := algorithms[algorithm]()
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(sum) != h.Size() {
		return false
	}
	d.promised = append(d.promised, promise{algorithm, sum, h})
	return true
}

// SHA256 is the SHA-256 that was promised, in lower-case hex; empty without one.
func (d *Digests) SHA256() string {
	for _, p := range d.promised {
		if p.algorithm == "sha-256" {
			return hex.EncodeToString(p.sum)
		}
	}
	return ""
}

// Reader returns body, which ends with ErrMismatch instead of io.EOF if it does not
// have the digests. Read it to its end: the bytes come before the verdict. Without
// digests it is body itself.
func (d *Digests) Reader(body io.Reader) io.Reader {
	if len(d.promised) == 0 {
		return body
	}
	return &reader{body, d}
}

type reader struct {
	body io.Reader
	d    *Digests
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	for _, promised := range r.d.promised {
		promised.hash.Write(p[:n])
	}
	if err != io.EOF {
		return n, err
	}
	for _, promised := range r.d.promised {
		if string(promised.hash.Sum(nil)) != string(promised.sum) {
			return n, ErrMismatch
		}
	}
	return n, io.EOF
}
