package blobstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

// buckets runs a test on each kind of bucket.
func buckets(t *testing.T, test func(t *testing.T, bucket *blob.Bucket)) {
	for name, open := range map[string]func(t *testing.T) (*blob.Bucket, error){
		"memblob":  func(*testing.T) (*blob.Bucket, error) { return memblob.OpenBucket(nil), nil },
		"fileblob": func(t *testing.T) (*blob.Bucket, error) { return fileblob.OpenBucket(t.TempDir(), nil) },
		"dirblob":  func(t *testing.T) (*blob.Bucket, error) { return dirblob.OpenBucket(t.TempDir(), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			bucket, err := open(t)
			require.NoError(t, err)
			t.Cleanup(func() { _ = bucket.Close() })
			test(t, bucket)
		})
	}
}

func empty(t *testing.T, bucket *blob.Bucket) {
	t.Helper()
	_, err := bucket.List(nil).Next(t.Context())
	require.Equal(t, io.EOF, err, "there is an object")
}

func TestCreateAndRead(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	sum := sha256.Sum256(content)
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		s := newStore(t, bucket, &blobstore.Options{Bucket: "payloads"})
		o, err := s.Create(t.Context(), "a/b.json", bytes.NewReader(content), &blobstore.WriteOptions{
			ContentType: "application/fhir+json", Metadata: map[string]string{"job_id": "j"},
		})
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(sum[:]), o.SHA256)
		require.EqualValues(t, len(content), o.Size)
		require.Equal(t, "payloads", o.Bucket)
		require.NotEmpty(t, o.Version)

		there, err := s.Attributes(t.Context(), "a/b.json")
		require.NoError(t, err)
		require.Equal(t, o.Version, there.Version)
		require.Equal(t, "application/fhir+json", there.ContentType)
		require.Equal(t, "j", there.Metadata["job_id"])

		for _, offset := range []int64{0, 1, 99_999, 100_000} {
			r, err := s.Open(t.Context(), "a/b.json", &blobstore.OpenOptions{Offset: offset, Version: o.Version, Size: o.Size})
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, string(content[offset:]), string(got))
			require.NoError(t, r.Close())
		}

		_, err = s.Create(t.Context(), "a/b.json", strings.NewReader("other"), nil)
		require.ErrorIs(t, err, blobstore.ErrExists)
		again, err := s.Attributes(t.Context(), "a/b.json")
		require.NoError(t, err)
		require.Equal(t, o.Size, again.Size, "a refused write changes nothing")

		require.NoError(t, s.Delete(t.Context(), "a/b.json"))
		require.ErrorIs(t, s.Delete(t.Context(), "a/b.json"), blobstore.ErrNotFound)
		_, err = s.Attributes(t.Context(), "a/b.json")
		require.ErrorIs(t, err, blobstore.ErrNotFound)
		_, err = s.Open(t.Context(), "a/b.json", nil)
		require.ErrorIs(t, err, blobstore.ErrNotFound)
	})
}

func TestContentIsNeverSniffed(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		s := newStore(t, bucket, nil)
		o, err := s.Create(t.Context(), "page.html", strings.NewReader("<html><script>"), nil)
		require.NoError(t, err)
		there, err := s.Attributes(t.Context(), o.Key)
		require.NoError(t, err)
		require.Equal(t, "application/octet-stream", there.ContentType)
	})
}

func TestAWriteThatIsNotCommittedLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		s := newStore(t, bucket, nil)
		_, err := s.Create(t.Context(), "k", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), nil)
		require.ErrorIs(t, err, blobstore.ErrSource)
		require.ErrorIs(t, err, broken)
		empty(t, bucket)

		w, err := s.NewWriter(t.Context(), "k", nil)
		require.NoError(t, err)
		_, err = w.Write([]byte("half"))
		require.NoError(t, err)
		w.Abort()
		w.Abort()
		_, err = w.Commit()
		require.Error(t, err)
		_, err = w.Write([]byte("more"))
		require.Error(t, err)
		empty(t, bucket)

		ctx, cancel := context.WithCancel(t.Context())
		w, err = s.NewWriter(ctx, "k", nil)
		require.NoError(t, err)
		_, err = w.Write([]byte("half"))
		require.NoError(t, err)
		cancel()
		_, err = w.Commit()
		require.ErrorIs(t, err, context.Canceled)
		empty(t, bucket)
	})
}

func TestAClosedBucketDoesNotSayThatAnObjectExists(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		require.NoError(t, bucket.Close())
		_, err := newStore(t, bucket, nil).Create(t.Context(), "k", strings.NewReader("x"), nil)
		require.Error(t, err)
		require.NotErrorIs(t, err, blobstore.ErrExists)
	})
}

func TestOpenPinsWhatWasAccepted(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		s := newStore(t, bucket, nil)
		o, err := s.Create(t.Context(), "k", strings.NewReader("first"), nil)
		require.NoError(t, err)
		for name, content := range map[string]string{"same size": "other", "shorter": "no", "longer": "something"} {
			if name == "same size" && strings.HasSuffix(t.Name(), "fileblob") {
				continue // its ETag is size and a coarse time
			}
			require.NoError(t, bucket.WriteAll(t.Context(), "k", []byte(content), nil))
			_, err = s.Open(t.Context(), "k", &blobstore.OpenOptions{Version: o.Version, Size: o.Size})
			require.ErrorIs(t, err, blobstore.ErrChanged, name)
		}
	})
}

func TestOpenBeyondTheEnd(t *testing.T) {
	buckets(t, func(t *testing.T, bucket *blob.Bucket) {
		s := newStore(t, bucket, nil)
		_, err := s.Create(t.Context(), "k", strings.NewReader("short"), nil)
		require.NoError(t, err)
		_, err = s.Open(t.Context(), "k", &blobstore.OpenOptions{Offset: 6})
		require.ErrorIs(t, err, blobstore.ErrTruncated)
		_, err = s.Open(t.Context(), "k", &blobstore.OpenOptions{Size: 6})
		require.ErrorIs(t, err, blobstore.ErrChanged)
	})
}

// An object that is cut or grows while it is read is an error.
func TestReadOfAnObjectThatWasCut(t *testing.T) {
	for name, c := range map[string]struct {
		size int64
		want error
	}{"cut": {500_000, blobstore.ErrTruncated}, "longer": {2_000_000, blobstore.ErrChanged}} {
		dir := t.TempDir()
		bucket, err := dirblob.OpenBucket(dir, nil)
		require.NoError(t, err)
		defer bucket.Close()
		s := newStore(t, bucket, nil)
		_, err = s.Create(t.Context(), "k.bin", bytes.NewReader(make([]byte, 1_000_000)), nil)
		require.NoError(t, err)
		r, err := s.Open(t.Context(), "k.bin", &blobstore.OpenOptions{Offset: 10})
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, os.Truncate(filepath.Join(dir, "k.bin"), c.size))
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, c.want, name)
	}
}

func TestKeys(t *testing.T) {
	at := time.Date(2030, 1, 2, 23, 0, 0, 0, time.FixedZone("west", -2*3600))
	key, err := blobstore.PayloadKey("incoming/fhir", "org-1_A", at, "id.json")
	require.NoError(t, err)
	require.Equal(t, "incoming/fhir/org-1_A/2030/01/03/id.json", key, "the date is in UTC")

	for _, good := range []string{"a", "1.2.840.113619", "lab.example.org", "a..b", "-", "_-_", strings.Repeat("o", 64)} {
		require.True(t, blobstore.ValidOrganization(good), good)
		key, err := blobstore.PayloadKey("incoming", good, at, "id.json")
		require.NoError(t, err)
		require.True(t, blobstore.ValidKey(key), key)
		require.Equal(t, path.Clean(key), key, "a proxy does not change it")
	}
	for _, bad := range []string{"", "a/b", ".", "..", "...", ".a", "a.", "a..", "..a", "a b", "é", "a%2fb", "a\x00", strings.Repeat("o", 65)} {
		require.False(t, blobstore.ValidOrganization(bad), "%q", bad)
		_, err := blobstore.PayloadKey("incoming", bad, at, "id.json")
		require.ErrorIs(t, err, blobstore.ErrKey)
	}
	for _, bad := range []string{"", "/a", "a/", "a//b", "a/../b", "a/./b", "..", "a b", "a+b", "a%2fb", "a\\b", "a\n", "é", strings.Repeat("k", 513)} {
		require.False(t, blobstore.ValidKey(bad), "%q", bad)
		s := newStore(t, memblob.OpenBucket(nil), nil)
		_, err := s.NewWriter(t.Context(), bad, nil)
		require.ErrorIs(t, err, blobstore.ErrKey)
		_, err = s.SignUpload(t.Context(), bad, blobstore.UploadPolicy{})
		require.ErrorIs(t, err, blobstore.ErrKey)
	}
	require.True(t, blobstore.ValidKey("incoming/fhir/org/2030/01/02/id.json"))
	_, err = blobstore.PayloadKey("incoming", "org", at, "a/b")
	require.ErrorIs(t, err, blobstore.ErrKey)
}

// Valid keys pass unchanged through a URL-encoding notification.
func FuzzValidKey(f *testing.F) {
	f.Add("incoming/fhir/org/2030/01/02/id.json")
	f.Add("a/../b")
	f.Add("a%2fb\x00")
	f.Fuzz(func(t *testing.T, key string) {
		if blobstore.ValidKey(key) && (&url.URL{Path: key}).EscapedPath() != key {
			t.Fatal("a URL encodes a valid key")
		}
	})
}

func TestSignUpload(t *testing.T) {
	policy := blobstore.UploadPolicy{ContentType: "application/fhir+ndjson", Size: 7, CreateOnly: true, SHA256: strings.Repeat("0", 64)}
	base, err := url.Parse("http://127.0.0.1/objects")
	require.NoError(t, err)
	signer, err := signedurl.NewSigner(base, make([]byte, signedurl.MinSecret), nil)
	require.NoError(t, err)

	t.Run("a bucket that can't", func(t *testing.T) {
		_, err := newStore(t, memblob.OpenBucket(nil), nil).SignUpload(t.Context(), "k", policy)
		require.ErrorIs(t, err, blobstore.ErrUnsupported)
	})
	t.Run("signer option", func(t *testing.T) {
		signed, err := newStore(t, memblob.OpenBucket(nil), &blobstore.Options{Signer: signer}).SignUpload(t.Context(), "k", policy)
		require.NoError(t, err)
		require.Equal(t, "PUT", signed.Method)
		require.Equal(t, map[string]string{"Content-Type": "application/fhir+ndjson"}, signed.Headers)
		u, err := url.Parse(signed.URL)
		require.NoError(t, err)
		require.True(t, u.Query().Has("create"))
		require.InDelta(t, blobstore.DefaultExpiry.Seconds(), time.Until(signed.ExpiresAt).Seconds(), 5)
	})
	t.Run("a bucket that knows the policy", func(t *testing.T) {
		bucket, err := dirblob.OpenBucket(t.TempDir(), &dirblob.Options{Signer: signer})
		require.NoError(t, err)
		defer bucket.Close()
		signed, err := newStore(t, bucket, nil).SignUpload(t.Context(), "k", policy)
		require.NoError(t, err)
		u, err := url.Parse(signed.URL)
		require.NoError(t, err)
		require.Equal(t, policy.SHA256, u.Query().Get("sha256"))
		require.True(t, u.Query().Has("create"))
	})
	t.Run("a bucket of Go CDK", func(t *testing.T) {
		bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{
			URLSigner: fileblob.NewURLSignerHMAC(base, []byte("secret")),
		})
		require.NoError(t, err)
		defer bucket.Close()
		signed, err := newStore(t, bucket, nil).SignUpload(t.Context(), "k", policy)
		require.NoError(t, err)
		require.Equal(t, policy.ContentType, signed.Headers["Content-Type"])
		require.Zero(t, newStore(t, bucket, nil).Enforces(), "all of it is checked afterwards")
	})
}

func ExampleStore_Create() {
	ctx := context.Background()
	s, err := blobstore.New(memblob.OpenBucket(nil), nil)
	if err != nil {
		panic(err)
	}
	o, err := s.Create(ctx, "incoming/demo/a.json", strings.NewReader("{}"), &blobstore.WriteOptions{ContentType: "application/fhir+json"})
	if err != nil {
		panic(err)
	}
	fmt.Println(o.Size, o.SHA256[:8])
	_, err = s.Create(ctx, "incoming/demo/a.json", strings.NewReader("[]"), nil)
	fmt.Println(errors.Is(err, blobstore.ErrExists))
	// Output:
	// 2 44136fa3
	// true
}

func newStore(t *testing.T, bucket *blob.Bucket, opts *blobstore.Options) *blobstore.Store {
	t.Helper()
	s, err := blobstore.New(bucket, opts)
	require.NoError(t, err)
	return s
}

func TestNewNeedsABucket(t *testing.T) {
	_, err := blobstore.New(nil, nil)
	require.ErrorContains(t, err, "needs a bucket")
}

func TestJobOf(t *testing.T) {
	const id = "5d2f1f6e-0c1b-4b7e-9a52-3f1f5d2c7a10"
	for _, name := range []string{id + ".json", id + ".ndjson", id + "-01ab23cd.ndjson"} {
		key, err := blobstore.PayloadKey("incoming/fhir", "org.1", time.Now(), name)
		require.NoError(t, err)
		require.Equal(t, id, blobstore.JobOf(key))
		require.Equal(t, id, blobstore.JobOf("/v1/objects/"+key))
	}
	for _, other := range []string{
		"", id, id + ".ndjson", "fhir/Patient/" + id, "fhir/Patient/" + id + ".json", "o/2030/01/01/" + id, // FHIR ids are UUIDs, too
		"o/2030/01/01/" + strings.ToUpper(id) + ".json", "o/2030/01/01/anna-" + id + ".json", "o/2030/01/01/" + id + "-anna.json",
		"o/2030/01/01/" + id + "-01ab23cdef.json", "o/2030/01/01/" + id + ".anna", "o/2030/01/01/" + id + ".json/x", "o/2030/01/01/" + id + ".json\n",
	} {
		require.Empty(t, blobstore.JobOf(other), other)
	}
}

func TestOrganizationOf(t *testing.T) {
	key, err := blobstore.PayloadKey("incoming/fhir", "org.1", time.Now(), "a.json")
	require.NoError(t, err)
	require.Equal(t, "org.1", blobstore.OrganizationOf("incoming/fhir", key))
	for _, other := range []string{"", "incoming/fhir", "incoming/fhir/org.1", "incoming/fhirs/org.1/a", "processed/org.1/a"} {
		require.Empty(t, blobstore.OrganizationOf("incoming/fhir", other), other)
	}
}
