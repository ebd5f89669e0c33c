// Package docservers starts the document databases that the job stores are tested on,
// each on a free port of this machine, with its data in memory or in a folder.
//
// # What each of them proves
//
//   - [DynamoDB] is dynalite, an emulator: keys, conditions, indexes and the errors of
//     DynamoDB. What reads without consistency can get, is made in front of it.
//   - [MongoDB] is FerretDB on SQLite, another server with MongoDB's protocol: one
//     node, so it says nothing about replicas. Its updates are not atomic; something in
//     front of it makes them so.
//   - [Firestore] is a stand-in of our own, package firestorefake: it proves that the
//     store asks and writes as Firestore's description has it, not what Google makes of it.
package docservers

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// ErrMissing: a server is not installed.
var ErrMissing = localserver.ErrMissing

// Server is a running document database. Close stops it.
type Server struct {
	// Name of the server, and what it is.
	Name string
	// Env is what a process needs in its environment in order to open a store.
	Env map[string]string
	// Fresh makes an empty store and returns its URL, which package backends opens.
	Fresh func(ctx context.Context) (string, error)
	// LoseAnswers makes so many writes succeed whose answer does not come. Nil where
	// that can't be done.
	LoseAnswers func(n int)
	// Lag makes each read that does not ask to be consistent answer what it answered
	// the last time. Nil where all reads are consistent.
	Lag func(lags bool)
	// Halve makes batches be answered in part. Nil where that does not come about.
	Halve func(halves bool)

	stop func() error
}

// Close stops the server. It is an error if that fails.
func (s *Server) Close() error { return s.stop() }

// Lend starts a server for the time of a test, and sets its environment. It skips
// the test, aloud, where the server is not installed, or fails it where
// FHIRDOCK_TEST_ALL is 1.
func Lend(t testing.TB, start func(context.Context, string) (*Server, error)) *Server {
	t.Helper()
	s, err := start(t.Context(), t.TempDir())
	switch {
	case errors.Is(err, ErrMissing) && os.Getenv("FHIRDOCK_TEST_ALL") != "1":
		t.Skipf("SKIPPED: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("not stopped: %v", err)
		}
	})
	for name, value := range s.Env {
		t.Setenv(name, value)
	}
	t.Logf("on %s", s.Name)
	return s
}
