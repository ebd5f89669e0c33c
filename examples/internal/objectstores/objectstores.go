// Package objectstores starts the object stores that the cloud drivers are tested on:
// a real S3 server, and emulators of GCS and Azure Blob, each on a free port of
// this machine, with its data in a folder or in memory.
//
// # What each of them proves
//
//   - [S3] is versitygw, an S3 gateway for use in production. It checks signatures,
//     conditions, checksums and versions as S3 does.
//   - [SeaweedFS] is another S3 server for use in production, and passes the same
//     tests. They run if FHIRDOCK_TEST_SEAWEEDFS names its program weed.
//   - [Azure] is Azurite, Microsoft's own emulator. It checks a SAS: key,
//     permissions, times.
//   - [GCS] is fake-gcs-server, an emulator that checks neither signatures nor the
//     conditions of an upload. In front of it stands [SignatureCheck], which does,
//     by Google's description of V4 signatures: it proves what is signed, not what
//     Google makes of it.
package objectstores

import (
	"context"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// Storage is a running object store. Close stops it.
type Storage struct {
	// Name of the server, and what it is.
	Name string
	// Env is what a process needs in its environment in order to open URL.
	Env map[string]string
	// URL opens an empty bucket, by package backends.
	URL string
	// Unversioned is another one, where URL's keeps old versions.
	Unversioned string
	// Restrict returns what goes over Env in order to open URL as somebody who has
	// no rights but those of a policy. Nil where the server knows none.
	Restrict func(ctx context.Context, policy []byte) (map[string]string, error)

	stop func() error
}

// Close stops the server. It is an error if that fails.
func (s *Storage) Close() error { return s.stop() }

// ErrMissing: a server is not installed.
var ErrMissing = localserver.ErrMissing
