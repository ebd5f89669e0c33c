package ingest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// number is an error with a code that is not SQLite's.
type number struct{ error }

func (number) Code() int { return 17 }

// errNo and extendedErrNo are the types of the codes of an Error of
// github.com/mattn/go-sqlite3.
type (
	errNo         int
	extendedErrNo int
	mattn         struct {
		Code         errNo
		ExtendedCode extendedErrNo
		err          string
	}
)

func (m mattn) Error() string { return m.err }

// The result codes of SQLite's errors are logged, which tell a missing table from a locked
// database.
func TestSQLiteCodesAreLogged(t *testing.T) {
	open := func() *sql.Conn {
		db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), marker+".db"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		_, err = conn.ExecContext(t.Context(), "CREATE TABLE t (id PRIMARY KEY); INSERT INTO t VALUES (1)")
		require.NoError(t, err)
		return conn
	}
	exec := func(statements ...string) func() error {
		conn := open()
		return func() error {
			_, err := conn.ExecContext(context.Background(), strings.Join(statements, ";"))
			return fmt.Errorf("for %s: %w", marker, err)
		}
	}
	for name, c := range map[string]struct {
		trouble func() error
		want    string
	}{
		"missing table": {exec("INSERT INTO " + marker + " VALUES (1)"), `"type":"*sqlite.Error","sqlitecode":1,`},
		"constraint":    {exec("INSERT INTO t VALUES (1)"), `"type":"*sqlite.Error","sqlitecode":1555,`},
		"mattn":         {func() error { return mattn{5, 261, marker} }, `"sqlitecode":261,`},
		"mattn, plain":  {func() error { return &mattn{Code: 5} }, `"sqlitecode":5,`},
		"no SQLite":     {func() error { return number{fmt.Errorf("%s", marker)} }, `"type":"ingest_test.number","code":"handler"`},
	} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Handler: ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return c.trouble() }),
			Service: ingest.Options{MaxAttempts: 1},
		})
		p.Wait(t, p.Client.PostBundle(t, []byte(twoPatients)).JobID)
		requireLogged(t, p, c.want, name)
		requireSilent(t, p.Logs())
	}
}

// The lines about a job's end say whose it is.
func TestEndsOfJobsAreLoggedWithTheOrganization(t *testing.T) {
	for _, permanent := range []bool{false, true} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{MaxAttempts: 1}})
		msg, failure := "attempt failed", errors.New("no")
		if permanent {
			msg, failure = "job failed", ingest.Permanent(failure)
		}
		p.Sink.Fail(failure)
		id := p.Client.PostBundle(t, []byte(small)).JobID
		p.Wait(t, id)
		requireLogged(t, p, `"msg":"`+msg+`","job":"`+id+`","organization":"test-org"`, msg)
		requireLogged(t, p, `"msg":"job finished","job":"`+id+`","organization":"test-org"`, msg)
	}
}
