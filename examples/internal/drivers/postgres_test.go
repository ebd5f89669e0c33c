package drivers_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/jobs"
)

// Sessions don't start on a read-only server unless the URL allows it.
func TestSessionsAreReadWrite(t *testing.T) {
	lent := proctest.Lend(t, servers.Postgres)
	u, err := url.Parse(lent.Jobs)
	require.NoError(t, err)
	q := u.Query()
	q.Set("default_transaction_read_only", "on")
	u.RawQuery = q.Encode()
	_, err = jobs.Open(t.Context(), u.String(), nil)
	require.ErrorContains(t, err, "read only")
	store, err := jobs.Open(t.Context(), u.String()+"&target_session_attrs=any", &jobs.OpenOptions{SkipMigrations: true})
	if err == nil {
		err = store.Close()
	}
	require.NotContains(t, fmt.Sprint(err), "read only")
}
