// Package docservers starts document databases for tests of the job stores, each on a free
// port of this machine, with its data in memory or in a folder.
//
// # What each of them proves
//
//   - [DynamoDB] is dynalite, an emulator: keys, conditions, indexes and errors of
//     DynamoDB. A proxy adds the stale results of inconsistent reads.
//   - [MongoDB] is FerretDB on SQLite, another server with MongoDB's protocol. It is
//     one node, so it proves nothing about replicas. Its updates are not atomic; a
//     proxy makes them so.
//   - [Firestore] is our own stand-in, package firestorefake: it proves that the store
//     uses Firestore's API as documented, not how Google responds.
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
	// Name and kind of the server.
	Name string
	// Env is the environment that a process needs to open a store.
	Env map[string]string
	// Fresh creates an empty store and returns its URL for package backends.
	Fresh func(ctx context.Context) (string, error)
	// LoseAnswers makes the next n writes succeed without a response. Nil if not
	// supported.
	LoseAnswers func(n int)
	// Lag makes each read that need not be consistent return the previous result. Nil if
	// all reads are consistent.
	Lag func(lags bool)
	// Halve makes batches return only part of their results. Nil if that never happens.
	Halve func(halves bool)

	stop func() error
}

// Close stops the server. It is an error if that fails.
func (s *Server) Close() error { return s.stop() }

// Lend starts a server for a test, and sets its environment. If the server is not
// installed the test is skipped with a message, or fails if FHIRDOCK_TEST_ALL is 1.
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
