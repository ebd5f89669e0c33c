// Package httpdigest checks the body of a request against the digests in its headers:
// Content-Digest (RFC 9530) and Content-MD5 (RFC 1864).
package httpdigest

import (
	"crypto/md5" //nolint:gosec // only checked if a client sends it, not relied on
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

// Errors of this package. They contain nothing of a header's value.
var (
	// ErrMalformed: a header is malformed or has no supported algorithm; see [Want].
	ErrMalformed = errors.New("Content-Digest must be sha-256=:BASE64: or sha-512=:BASE64:, and Content-MD5 the base64 of 16 bytes")
	// ErrMismatch: the body does not match a digest in a header.
	ErrMismatch = errors.New("the body does not match the digest in its header")
)

// Want is the value of Want-Content-Digest (RFC 9530, section 4) for the answer to a
// request whose digest can't be checked.
const Want = "sha-256=10, sha-512=3"

// algorithms by their names in Content-Digest. md5 is deprecated, but still sent.
var algorithms = map[string]func() hash.Hash{"sha-256": sha256.New, "sha-512": sha512.New, "md5": md5.New}

// Digests are the digests in the headers of a request. It is not safe for concurrent use.
type Digests struct{ declared []declared }

type declared struct {
	algorithm string
	sum       []byte
	hash      hash.Hash
}

// Parse parses the headers of a request. It ignores unknown algorithms if there is a known
// one. If Content-Digest has an algorithm twice, the last one counts (RFC 9651, section
// 4.2.2), so a body is hashed once for each algorithm. Errors match ErrMalformed.
func Parse(header http.Header) (*Digests, error) {
	d := &Digests{}
	if lines := header.Values("Content-Digest"); len(lines) > 0 {
		last := map[string]string{} // digest by algorithm
		for _, member := range members(strings.Join(lines, ",")) {
			member, _, _ = strings.Cut(member, ";") // parameters; none are defined
			name, value, _ := strings.Cut(member, "=")
			if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
				return nil, ErrMalformed
			}
			last[name] = strings.TrimSpace(value)
		}
		for name, value := range last {
			if algorithms[name] != nil && !d.add(name, value) {
				return nil, ErrMalformed
			}
		}
		if len(d.declared) == 0 {
			return nil, ErrMalformed
		}
	}
	switch sums := header.Values("Content-MD5"); {
	case len(sums) > 1, len(sums) == 1 && !d.add("md5", ":"+strings.TrimSpace(sums[0])+":"):
		return nil, ErrMalformed
	}
	return d, nil
}

// members splits a dictionary (RFC 9651, section 3.2) at the commas between its members. The
// values of unknown algorithms may be strings that contain commas.
func members(dictionary string) []string {
	var list []string
	start, quoted := 0, false
	for i := 0; i < len(dictionary); i++ {
		switch c := dictionary[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			list, start = append(list, dictionary[start:i]), i+1
		}
	}
	return append(list, dictionary[start:])
}

// add adds a digest as a byte sequence, which starts and ends with a colon.
func (d *Digests) add(algorithm, sequence string) bool {
	if len(sequence) < 2 || sequence[0] != ':' || sequence[len(sequence)-1] != ':' {
		return false
	}
	h := algorithms[algorithm]()
	// The padding may be missing (RFC 9651, section 4.2.7).
	sum, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(sequence[1:len(sequence)-1], "="))
	if err != nil || len(sum) != h.Size() {
		return false
	}
	d.declared = append(d.declared, declared{algorithm, sum, h})
	return true
}

// SHA256 returns the SHA-256 in the headers in lower-case hex, or an empty string.
func (d *Digests) SHA256() string {
	for _, p := range d.declared {
		if p.algorithm == "sha-256" {
			return hex.EncodeToString(p.sum)
		}
	}
	return ""
}

// Reader returns a reader of body that ends with ErrMismatch instead of io.EOF if body does
// not match the digests. Don't use what was read before the end. Without digests it returns
// body itself.
func (d *Digests) Reader(body io.Reader) io.Reader {
	if len(d.declared) == 0 {
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
	for _, declared := range r.d.declared {
		declared.hash.Write(p[:n])
	}
	if err != io.EOF {
		return n, err
	}
	for _, declared := range r.d.declared {
		if string(declared.hash.Sum(nil)) != string(declared.sum) {
			return n, ErrMismatch
		}
	}
	return n, io.EOF
}
