package sqljobs_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
	"github.com/fhirdock/fhirdock/jobs/jobstest/linearize"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// For a longer run:
//
//	FHIRDOCK_HISTORIES=1000 go test -run TestLinearizable -v -timeout 1h ./jobs/sqljobs
func TestLinearizable(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FHIRDOCK_HISTORIES"))
	t.Run("sqlite", func(t *testing.T) {
		dsn := sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db"))
		linearize.Run(t, func(t jobstest.T) jobs.Store { return opener("sqlite", dsn)(t) },
			&linearize.Options{Histories: n, Snapshots: true, Latency: 3 * time.Millisecond})
	})
	t.Run("postgres", func(t *testing.T) {
		url := postgres(t)
		linearize.Run(t, func(t jobstest.T) jobs.Store { return opener("pgx", schema(t, url))(t) },
			&linearize.Options{Histories: n, Snapshots: true, Latency: 3 * time.Millisecond})
	})
}
