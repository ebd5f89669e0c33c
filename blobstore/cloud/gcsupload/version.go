package gcsupload

import (
	"fmt"
	"strconv"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
)

// Describe implements [blobstore.Versions]. The version is the generation, which every write
// of an object increases. Cloud Storage stores no SHA-256.
// https://cloud.google.com/storage/docs/metadata#generation-number
func (s *Signer) Describe(attrs *blob.Attributes) (sha256, version string) {
	var object storage.ObjectAttrs
	if !attrs.As(&object) || object.Generation == 0 {
		return "", ""
	}
	return "", strconv.FormatInt(object.Generation, 10)
}

// Pin implements [blobstore.Versions].
func (s *Signer) Pin(version string, as func(any) bool) error {
	generation, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return fmt.Errorf("gcsupload: the version is not a generation: %w", blobstore.ErrChanged)
	}
	var object **storage.ObjectHandle
	if !as(&object) {
		return blobstore.ErrUnsupported
	}
	*object = (*object).Generation(generation)
	return nil
}

// Gone implements [blobstore.Versions]. A removed generation is not found.
func (s *Signer) Gone(error) bool { return false }
