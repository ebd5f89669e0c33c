package proctest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// Lend lends what open lends for the time of a test. It skips the test, aloud,
// where there is no server, or fails it where FHIRDOCK_TEST_ALL is 1.
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
