package docservers_test

import (
	"context"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
	"github.com/fhirdock/fhirdock/jobs/jobstest/linearize"
)

// store is a store that can be reopened.
type store interface {
	jobs.Store
	io.Closer
}

type reopened struct {
	store
	open func(context.Context) (store, error)
}

func (r reopened) Reopen(t jobstest.T) jobs.Store {
	if err := r.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return opened(t, r.open)
}

func opened(t jobstest.T, open func(context.Context) (store, error)) jobs.Store {
	s, err := open(t.Context())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return reopened{s, open}
}

// driver opens a database's stores.
type driver struct {
	start func(context.Context, string) (*docservers.Server, error)
	open  func(ctx context.Context, url string) (store, error)
}

func as[S store](open func(context.Context, string) (S, error)) func(context.Context, string) (store, error) {
	return func(ctx context.Context, url string) (store, error) {
		s, err := open(ctx, url)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

var drivers = map[string]driver{
	"DynamoDB":  {docservers.DynamoDB, as(dynamojobs.OpenStore)},
	"Firestore": {docservers.Firestore, as(firestorejobs.OpenStore)},
	"MongoDB":   {docservers.MongoDB, as(openMongo)},
}

func openMongo(ctx context.Context, url string) (*mongojobs.Store, error) {
	return mongojobs.OpenStore(ctx, url, nil)
}

// on runs a test on each database.
func on(t *testing.T, test func(t *testing.T, s *docservers.Server, open jobstest.Open)) {
	for name, d := range drivers {
		t.Run(name, func(t *testing.T) {
			server := docservers.Lend(t, d.start)
			test(t, server, func(t jobstest.T) jobs.Store {
				url, err := server.Fresh(t.Context())
				if err != nil {
					t.Fatalf("create a store: %v", err)
				}
				return opened(t, func(ctx context.Context) (store, error) { return d.open(ctx, url) })
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
