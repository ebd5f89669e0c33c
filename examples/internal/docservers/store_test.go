package docservers_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/jobs"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
	"github.com/fhirdock/fhirdock/jobs/jobstest/linearize"
)

// reopened is a store that can be reopened.
type reopened struct {
	jobs.OpenedStore
	open func(context.Context) (jobs.OpenedStore, error)
}

func (r reopened) Reopen(t jobstest.T) jobs.Store {
	if err := r.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return opened(t, r.open)
}

func opened(t jobstest.T, open func(context.Context) (jobs.OpenedStore, error)) jobs.Store {
	s, err := open(t.Context())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return reopened{s, open}
}

// starters start each database.
var starters = map[string]func(context.Context, string) (*docservers.Server, error){
	"DynamoDB": docservers.DynamoDB, "Firestore": docservers.Firestore, "MongoDB": docservers.MongoDB,
}

// on runs a test on each database.
func on(t *testing.T, test func(t *testing.T, s *docservers.Server, open jobstest.Open)) {
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			server := docservers.Lend(t, start)
			test(t, server, func(t jobstest.T) jobs.Store {
				url, err := server.Fresh(t.Context())
				if err != nil {
					t.Fatalf("create a store: %v", err)
				}
				return opened(t, func(ctx context.Context) (jobs.OpenedStore, error) { return jobs.Open(ctx, url, nil) })
			})
		})
	}
}

func TestStores(t *testing.T) {
	on(t, func(t *testing.T, _ *docservers.Server, open jobstest.Open) { jobstest.Run(t, open) })
}

// The long form:
//
//	FHIRDOCK_HISTORIES=1000 go test -run TestLinearizable -v -timeout 2h ./internal/docservers
func TestLinearizable(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FHIRDOCK_HISTORIES"))
	on(t, func(t *testing.T, _ *docservers.Server, open jobstest.Open) {
		linearize.Run(t, open, &linearize.Options{Histories: n, Latency: 10 * time.Millisecond})
	})
}
