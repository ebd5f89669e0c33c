package faulttest

import (
	"context"
	"net/http"
	"testing"

	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

// Without faults the decorators behave like the back ends inside.

func TestStoreConformance(t *testing.T) {
	jobstest.Run(t, func(jobstest.T) jobs.Store { return Store(jobs.NewMemStore(), nil) })
}

type harness struct{}

func (harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return &bucket{inner: memblob.OpenBucket(nil)}, nil
}
func (harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return nil, nil // memblob has none
}
func (harness) HTTPClient() *http.Client         { return nil }
func (harness) SupportsCopy() bool               { return true }
func (harness) SupportsNonSlashDelimiters() bool { return true }
func (harness) SkipDownloadAt() bool             { return false }
func (harness) Close()                           {}

// TestBucketConformance is gocloud.dev's own suite, complete.
func TestBucketConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(context.Context, *testing.T) (drivertest.Harness, error) { return harness{}, nil }, nil)
}
