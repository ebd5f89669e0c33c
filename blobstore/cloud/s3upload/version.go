package s3upload

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
)

// versionPrefix distinguishes a version id from an ETag.
const versionPrefix = "versionId="

// Describe implements [blobstore.Versions]. It returns the SHA-256 if the client requests it
// (see [Checksums]) and the object was not uploaded in parts, and the version id if the
// bucket has versioning; otherwise the version is the ETag.
func (s *Signer) Describe(attrs *blob.Attributes) (sha256, version string) {
	var head s3.HeadObjectOutput
	if !attrs.As(&head) {
		return "", ""
	}
	// An object uploaded in parts has a checksum of their checksums.
	if head.ChecksumType != types.ChecksumTypeComposite {
		if raw, err := base64.StdEncoding.DecodeString(aws.ToString(head.ChecksumSHA256)); err == nil {
			sha256 = hex.EncodeToString(raw)
		}
	}
	// "null" is the version that is overwritten in place if versioning is suspended.
	if id := aws.ToString(head.VersionId); id != "" && id != "null" {
		version = versionPrefix + id
	}
	return sha256, version
}

// Pin implements [blobstore.Versions].
func (s *Signer) Pin(version string, as func(any) bool) error {
	var in *s3.GetObjectInput
	if !as(&in) {
		return blobstore.ErrUnsupported
	}
	if id, ok := strings.CutPrefix(version, versionPrefix); ok {
		in.VersionId = &id
	} else {
		in.IfMatch = aws.String(`"` + version + `"`)
	}
	return nil
}

// Gone implements [blobstore.Versions].
func (s *Signer) Gone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchVersion"
}
