// Package objectstores starts object stores for tests of the cloud drivers: a real S3
// server, and emulators of GCS and Azure Blob, each on a free port of this machine, with
// its data in a folder or in memory.
//
// # What each of them proves
//
//   - [S3] is versitygw, an S3 gateway for production use. It checks signatures,
//     conditions, checksums and versions like S3.
//   - [SeaweedFS] is another S3 server for production use, and passes the same tests.
//     They run if FHIRDOCK_TEST_SEAWEEDFS names its program weed.
//   - [Azure] is Azurite, Microsoft's own emulator. It checks a SAS: key, permissions,
//     times.
//   - [GCS] is fake-gcs-server, an emulator that checks neither signatures nor upload
//     conditions. Our proxy [SignatureCheck] does, by Google's documentation of V4
//     signatures: it proves what is signed, not how Google responds.
package objectstores

import (
	"context"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// Storage is a running object store. Close stops it.
type Storage struct {
	// Name and kind of the server.
	Name string
	// Env is the environment that a process needs to open URL.
	Env map[string]string
	// URL of an empty bucket, for package backends.
	URL string
	// Unversioned is a bucket without versioning, if URL's has versioning.
	Unversioned string
	// Restrict returns variables that override Env to open URL with only a policy's
	// rights. Nil if the server has no policies.
	Restrict func(ctx context.Context, policy []byte) (map[string]string, error)

	stop func() error
}

// Close stops the server. It is an error if that fails.
func (s *Storage) Close() error { return s.stop() }

// ErrMissing: a server is not installed.
var ErrMissing = localserver.ErrMissing
