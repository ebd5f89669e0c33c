package httpdigest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/httpdigest"
)

// The digests of {"hello": "world"} from RFC 9530, appendix D, and others of the same bytes.
const (
	body   = `{"hello": "world"}`
	sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
	sha512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
	md5    = "Sd/dVLAcvNLSq16eXua5uQ=="
)

func TestDigests(t *testing.T) {
	const other = `{"hello": "World"}`
	for name, c := range map[string]struct {
		digests, md5 []string
		body         string
		parse, read  error
	}{
		"none":                {body: other},
		"sha-256":             {digests: []string{sha256}, body: body},
		"sha-512":             {digests: []string{sha512}, body: body},
		"both":                {digests: []string{sha256 + ", " + sha512}, body: body},
		"two lines":           {digests: []string{sha256, sha512}, body: body},
		"with a parameter":    {digests: []string{sha256 + ";a=1"}, body: body},
		"with an unknown one": {digests: []string{"unixsum=:Yzgw:, " + sha256}, body: body},
		"Content-MD5":         {md5: []string{md5}, body: body},
		"another sha-256":     {digests: []string{sha256}, body: other, read: httpdigest.ErrMismatch},
		"another sha-512":     {digests: []string{sha512}, body: other, read: httpdigest.ErrMismatch},
		"another Content-MD5": {md5: []string{md5}, body: other, read: httpdigest.ErrMismatch},
		"one of two is wrong": {digests: []string{sha256, strings.Replace(sha512, "WZ", "wZ", 1)}, body: body, read: httpdigest.ErrMismatch},
		"an empty body":       {digests: []string{sha256}, body: "", read: httpdigest.ErrMismatch},
		"no padding":          {digests: []string{strings.TrimSuffix(sha256, "=:") + ":"}, body: body},
		"unknown, a string":   {digests: []string{`note="a, \",b=1", ` + sha256}, body: body},
		"unknown, no value":   {digests: []string{"new, " + sha256}, body: body},
		"the last one counts": {digests: []string{strings.Replace(sha256, "X4", "x4", 1) + ", " + sha256}, body: body},
		"a comma at the end":  {digests: []string{sha256 + ","}, parse: httpdigest.ErrMalformed},
		"two of Content-MD5":  {md5: []string{md5, md5}, parse: httpdigest.ErrMalformed},
		"only unknown":        {digests: []string{"unixsum=:Yzgw:"}, parse: httpdigest.ErrMalformed},
		"no colons":           {digests: []string{strings.ReplaceAll(sha256, ":", "")}, parse: httpdigest.ErrMalformed},
		"not base64":          {digests: []string{"sha-256=:!:"}, parse: httpdigest.ErrMalformed},
		"too short":           {digests: []string{"sha-256=:AAAA:"}, parse: httpdigest.ErrMalformed},
		"no value":            {digests: []string{"sha-256"}, parse: httpdigest.ErrMalformed},
		"empty":               {digests: []string{""}, parse: httpdigest.ErrMalformed},
		"MD5 in hex":          {md5: []string{"5eb63bbbe01eeed093cb22bb8f5acdc3"}, parse: httpdigest.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := httpdigest.Parse(http.Header{"Content-Digest": c.digests, "Content-Md5": c.md5})
			require.ErrorIs(t, err, c.parse)
			if err != nil {
				return
			}
			_, err = io.ReadAll(d.Reader(iotest.DataErrReader(strings.NewReader(c.body))))
			require.ErrorIs(t, err, c.read)
		})
	}
	d, err := httpdigest.Parse(http.Header{"Content-Digest": {sha512 + "," + sha256}})
	require.NoError(t, err)
	require.Equal(t, "5f8f04f6a3a892aaabbddb6cf273894493773960d4a325b105fee46eef4304f1", d.SHA256())
	cut := errors.New("cut")
	_, err = io.ReadAll(d.Reader(iotest.ErrReader(cut)))
	require.ErrorIs(t, err, cut, "an error of the body is returned as it is")
}

func ExampleParse() {
	header := http.Header{}
	header.Set("Content-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")
	digests, err := httpdigest.Parse(header)
	if err != nil {
		panic(err)
	}
	_, err = io.ReadAll(digests.Reader(strings.NewReader(`{"hello": "World"}`)))
	fmt.Println(err)
	// Output: the body does not match the digest in its header
}
