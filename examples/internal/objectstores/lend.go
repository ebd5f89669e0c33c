package objectstores

import (
	"context"
	"errors"
	"os"
	"testing"
)

// Lend starts a server for a test, and sets its environment. If the server is not
// installed the test is skipped with a message, or fails if FHIRDOCK_TEST_ALL is 1.
func Lend(t testing.TB, start func(context.Context) (*Storage, error)) *Storage {
	t.Helper()
	s, err := start(t.Context())
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

// In binds a start function to a folder.
func In(folder string, start func(context.Context, string) (*Storage, error)) func(context.Context) (*Storage, error) {
	return func(ctx context.Context) (*Storage, error) { return start(ctx, folder) }
}
