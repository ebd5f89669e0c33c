package proctest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// Lend calls open for a test. If there is no server the test is skipped with a message, or
// fails if FHIRDOCK_TEST_ALL is 1.
func Lend(t testing.TB, open func(context.Context) (*servers.Lent, error)) *servers.Lent {
	t.Helper()
	l, err := open(t.Context())
	switch {
	case errors.Is(err, servers.ErrNone) && os.Getenv("FHIRDOCK_TEST_ALL") != "1":
		t.Skipf("SKIPPED: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.Remove(ctx); err != nil {
			t.Errorf("not removed from the server: %v", err)
		}
	})
	return l
}
