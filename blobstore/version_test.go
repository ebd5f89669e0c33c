package blobstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

// versioned is a bucket of one key, whose driver has versions 1, 2, 3 ... The last one is
// the current object.
type versioned struct {
	driver.Bucket
	versions []string // their content; "" if gone
	deleted  bool
	asked    int // calls of Attributes
	down     bool
}

var (
	errGone    = errors.New("gone")
	errMissing = errors.New("missing")
	errFailed  = errors.New("failed")
	errDown    = errors.New("down")
)

func (*versioned) ErrorCode(err error) gcerrors.ErrorCode {
	switch err {
	case errMissing:
		return gcerrors.NotFound
	case errFailed:
		return gcerrors.FailedPrecondition
	}
	return gcerrors.Unknown
}

func (b *versioned) Close() error { return nil }

func (*versioned) As(any) bool { return false }

func (*versioned) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errors.ErrUnsupported
}

func (b *versioned) Attributes(context.Context, string) (*driver.Attributes, error) {
	b.asked++
	switch last := len(b.versions); {
	case b.down:
		return nil, errDown
	case b.deleted:
		return nil, errMissing
	default:
		return &driver.Attributes{ETag: `"e"`, Size: int64(len(b.versions[last-1])), AsFunc: func(i any) bool {
			p, ok := i.(*int)
			if ok {
				*p = last
			}
			return ok
		}}, nil
	}
}

func (b *versioned) NewRangeReader(_ context.Context, _ string, offset, _ int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	version := len(b.versions)
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(func(i any) bool {
			p, ok := i.(**int)
			if ok {
				*p = &version
			}
			return ok
		}); err != nil {
			return nil, err
		}
	}
	if b.down {
		return nil, errDown
	}
	content := b.versions[version-1]
	if content == "" {
		return nil, errGone
	}
	return &versionedReader{strings.NewReader(content[offset:]), int64(len(content))}, nil
}

type versionedReader struct {
	io.Reader
	size int64
}

func (r *versionedReader) Close() error { return nil }
func (r *versionedReader) As(any) bool  { return false }
func (r *versionedReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: r.size}
}

// numbers implements Versions for it.
type numbers struct{ fail error }

func (numbers) Describe(attrs *blob.Attributes) (string, string) {
	var n int
	if !attrs.As(&n) {
		return "", ""
	}
	return strings.Repeat("a", 64), fmt.Sprint(n)
}

func (v numbers) Pin(version string, as func(any) bool) error {
	if v.fail != nil {
		return v.fail
	}
	var n *int
	if !as(&n) {
		return errors.New("not that driver")
	}
	_, err := fmt.Sscan(version, n)
	return err
}

func (numbers) Gone(err error) bool { return errors.Is(err, errGone) }

func TestVersionsOfADriver(t *testing.T) {
	open := func(b *versioned, versions numbers, version string) (string, error) {
		s := newStore(t, blob.NewBucket(b), &blobstore.Options{Versions: versions})
		r, err := s.Open(t.Context(), "k", &blobstore.OpenOptions{Version: version, Offset: 1})
		if err != nil {
			return "", err
		}
		defer r.Close()
		raw, err := io.ReadAll(r)
		return string(raw), err
	}

	b := &versioned{versions: []string{"first", "second"}}
	o, err := newStore(t, blob.NewBucket(b), &blobstore.Options{Versions: numbers{}}).Attributes(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "2", o.Version)
	require.Equal(t, strings.Repeat("a", 64), o.SHA256)
	o, err = newStore(t, blob.NewBucket(b), nil).Attributes(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "e", o.Version, "without Versions it is the ETag")

	b.asked = 0
	got, err := open(b, numbers{}, "1")
	require.NoError(t, err)
	require.Equal(t, "irst", got, "the requested version, not the current one")
	require.Zero(t, b.asked, "the driver pins the version")

	for name, c := range map[string]struct {
		bucket versioned
		pin    numbers
		want   error
	}{
		"gone, replaced":         {versioned{versions: []string{"", "second"}}, numbers{}, blobstore.ErrChanged},
		"gone, deleted":          {versioned{versions: []string{""}, deleted: true}, numbers{}, blobstore.ErrNotFound},
		"missing, replaced":      {versioned{versions: []string{"a", "b"}}, numbers{errMissing}, blobstore.ErrChanged},
		"missing, deleted":       {versioned{versions: []string{"a"}, deleted: true}, numbers{errMissing}, blobstore.ErrNotFound},
		"missing, and then down": {versioned{versions: []string{"a"}, down: true}, numbers{errMissing}, errDown},
		"failed, deleted":        {versioned{versions: []string{"a"}, deleted: true}, numbers{errFailed}, blobstore.ErrNotFound},
		"not the current one":    {versioned{versions: []string{"a"}}, numbers{errFailed}, blobstore.ErrChanged},
		"down":                   {versioned{versions: []string{"a"}, down: true}, numbers{}, errDown},
	} {
		_, err := open(&c.bucket, c.pin, "1")
		require.ErrorIs(t, err, c.want, name)
		if c.want == errDown {
			require.NotErrorIs(t, err, blobstore.ErrChanged, name)
			require.NotErrorIs(t, err, blobstore.ErrNotFound, name)
		}
	}
}

// A signer that implements Versions need not be given twice.
func TestVersionsOfTheSigner(t *testing.T) {
	b := &versioned{versions: []string{"first", "second"}}
	s := newStore(t, blob.NewBucket(b), &blobstore.Options{Signer: struct {
		*signedurl.Signer
		numbers
	}{}})
	o, err := s.Attributes(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "2", o.Version)
}
