package blobstore_test

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

var whole = blobstore.UploadPolicy{
	ContentType: "application/fhir+ndjson", Size: 7, MaxSize: 9, SHA256: strings.Repeat("0", 64),
	CreateOnly: true, Metadata: map[string]string{"job_id": "j"}, Expiry: time.Minute,
}

// Each field of the bindings binds the policy's field of the same name, and no other.
func TestBindingsOfAPolicy(t *testing.T) {
	fields := reflect.TypeFor[blobstore.UploadBindings]()
	for i := range fields.NumField() {
		var b blobstore.UploadBindings
		name := fields.Field(i).Name
		if slices.Contains([]string{"MetadataInURL", "MaxPut", "MaxExpiry"}, name) {
			continue
		}
		reflect.ValueOf(&b).Elem().Field(i).SetBool(true)
		want := blobstore.UploadPolicy{Expiry: time.Minute}
		reflect.ValueOf(&want).Elem().FieldByName(name).Set(reflect.ValueOf(whole).FieldByName(name))
		require.Equal(t, want, b.Of(whole), name)
		require.Equal(t, blobstore.UploadPolicy{Expiry: time.Minute}, b.Of(blobstore.UploadPolicy{Expiry: time.Minute}), name)
	}
	require.Equal(t, blobstore.UploadPolicy{Expiry: time.Minute}, blobstore.UploadBindings{}.Of(whole))
}

// A signer announces what it then binds.
func TestBindingsAreWhatIsBound(t *testing.T) {
	base, err := url.Parse("http://127.0.0.1/objects")
	require.NoError(t, err)
	signer, err := signedurl.NewSigner(base, make([]byte, signedurl.MinSecret), nil)
	require.NoError(t, err)
	folder, err := dirblob.OpenBucket(t.TempDir(), &dirblob.Options{Signer: signer})
	require.NoError(t, err)
	defer folder.Close()
	unsigned, err := dirblob.OpenBucket(t.TempDir(), nil)
	require.NoError(t, err)
	defer unsigned.Close()
	for name, s := range map[string]*blobstore.Store{
		"signer option":   newStore(t, memblob.OpenBucket(nil), &blobstore.Options{Signer: signer}),
		"bucket's signer": newStore(t, folder, nil),
	} {
		bindings, known := s.UploadBindings()
		require.True(t, known, name)
		signed, err := s.SignUpload(t.Context(), "k", whole)
		require.NoError(t, err)
		require.Equal(t, bindings.Of(whole), signed.Bound, name)
		require.Equal(t, whole, signed.Bound, name+": everything is bound")
	}
	for name, s := range map[string]*blobstore.Store{
		"a bucket that can't sign":  newStore(t, memblob.OpenBucket(nil), nil),
		"a folder without a signer": newStore(t, unsigned, nil),
		"a signer without bindings": newStore(t, unsigned, &blobstore.Options{Signer: silent{}}),
	} {
		_, known := s.UploadBindings()
		require.False(t, known, name)
	}
}

// silent is a signer that is no UploadBinder.
type silent struct{}

func (silent) SignUpload(context.Context, string, blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	return nil, blobstore.ErrUnsupported
}

func ExampleStore_UploadBindings() {
	base, _ := url.Parse("http://127.0.0.1/objects")
	signer, err := signedurl.NewSigner(base, make([]byte, signedurl.MinSecret), nil)
	if err != nil {
		panic(err)
	}
	s, err := blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: signer})
	if err != nil {
		panic(err)
	}
	if bindings, known := s.UploadBindings(); known && bindings.SHA256 {
		fmt.Println("clients may declare a digest, and the store refuses any other")
	}
	// Output: clients may declare a digest, and the store refuses any other
}
