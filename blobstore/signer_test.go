package blobstore_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

// A Store has the signer that its options or its bucket give it.
func TestSignerOfAStore(t *testing.T) {
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
		"option": newStore(t, memblob.OpenBucket(nil), &blobstore.Options{Signer: signer}),
		"bucket": newStore(t, folder, nil),
	} {
		require.Same(t, signer, s.Signer(), name)
		require.Equal(t, signer.Enforces(), s.Enforces(), name)
	}
	for name, s := range map[string]*blobstore.Store{
		"a bucket that can't sign":  newStore(t, memblob.OpenBucket(nil), nil),
		"a folder without a signer": newStore(t, unsigned, nil),
	} {
		require.Nil(t, s.Signer(), name)
		require.Zero(t, s.Enforces(), name)
		_, err := s.SignUpload(t.Context(), "k", blobstore.UploadPolicy{})
		require.ErrorIs(t, err, blobstore.ErrUnsupported, name)
	}
}

func ExampleStore_Enforces() {
	base, _ := url.Parse("http://127.0.0.1/objects")
	signer, err := signedurl.NewSigner(base, make([]byte, signedurl.MinSecret), nil)
	if err != nil {
		panic(err)
	}
	s, err := blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: signer})
	if err != nil {
		panic(err)
	}
	if s.Enforces().SHA256 {
		fmt.Println("clients may declare a digest, and the store refuses any other")
	}
	// Output: clients may declare a digest, and the store refuses any other
}
