package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// WorkerOptions are the options of a [Worker]; nil, and zero fields, mean the defaults.
type WorkerOptions struct {
	// Concurrency is how many jobs are worked on at once. Default 4. Each holds up to two
	// batches, or one whole Bundle, in memory.
	Concurrency int
	// BatchResources and BatchBytes bound a batch; the first limit that is reached ends
	// it. A job's first claim fixes them. Default 5,000 resources and 8 MiB.
	BatchResources int
	BatchBytes     int64
	// MaxWholeBytes bounds a Bundle that must be handed over whole. Default 64 MiB, or
	// [Options.MaxBodyBytes] if that is more; with less, Bundles would be accepted that
	// no worker can process.
	MaxWholeBytes int64
	// Lease is how long a job stays with a silent worker; it is extended while work
	// continues. Default 30 seconds, or 6 with OrderPerOrganization, where the
	// organization's other jobs wait for as long. The clocks of all workers and sweepers
	// must agree to within half of it: one that is further ahead takes jobs from healthy
	// workers, which costs attempts.
	Lease time.Duration
	// StallTimeout ends an attempt if no byte was read and no call of the handler
	// returned for that long. The job is retried later, with the code "stalled" until
	// then. A handler that does not return although its context is done still counts
	// towards Concurrency, but no longer holds the job. Set it higher if one batch, or
	// Finish, can take longer. Default 1 hour.
	StallTimeout time.Duration
	// OrderPerOrganization processes the jobs of an organization one at a time, ordered by
	// [jobs.Job.CreatedAt] and then ID, on any broker: a job is not claimed while an
	// older one is accepted or processing, including its back-offs. A job that awaits its
	// upload is skipped, and takes its old place once the upload arrives; so does one
	// that is redriven. CreatedAt is when a request reached the front door: a sender that
	// waits for each answer keeps its own order, as far as the clocks of several front
	// doors agree.
	//
	// All workers of a job store must agree on it. An organization is never served faster
	// than by one worker. A job that is cancelled while it is being processed stops
	// blocking at once, while its handler may continue for a second. Default false.
	OrderPerOrganization bool
	// HeadOfLine is how a failed job affects the later ones of its organization if
	// OrderPerOrganization is set. Default [Park].
	HeadOfLine HeadOfLine
	// Weight of an organization, at least 1: while several have waiting jobs, one with
	// weight 2 gets twice the claims of one with weight 1. It is called for each claim
	// and must be quick. Default: 1 for all.
	Weight func(organizationID string) int
	// MaxWait is how long a job may wait because its handler returns [Wait]. Progress, or
	// a failed attempt, restarts the time. Then the job fails with the code
	// [jobs.CodeWaited]. Default 24 hours.
	MaxWait time.Duration
	// PollInterval is the longest time between two queries of the job store while nothing
	// happens, and so the longest delay of a job whose wake-up was lost. A worker that
	// found nothing asks again after a sixteenth of it, then less and less often. By
	// default an idle worker asks 720 times an hour, which is as many queries on
	// PostgreSQL, 2,900 on Firestore and MongoDB, and 11,600 on DynamoDB, each without a
	// result. Default 5 seconds.
	PollInterval time.Duration
	// DrainTimeout is how long running batches may take once Run's context is done; then
	// their context is cancelled. Default 20 seconds.
	DrainTimeout time.Duration
}

// minLease is the shortest lease that can be kept: it is extended after a third of it.
const minLease = 10 * time.Millisecond

func (o *WorkerOptions) withDefaults(maxBody int64) (WorkerOptions, error) {
	var d WorkerOptions
	if o != nil {
		d = *o
	}
	setDefault(&d.Concurrency, 4)
	setDefault(&d.BatchResources, 5000)
	setDefault(&d.BatchBytes, 8<<20)
	setDefault(&d.MaxWholeBytes, max(64<<20, maxBody))
	if d.OrderPerOrganization {
		setDefault(&d.Lease, 6*time.Second)
	}
	setDefault(&d.Lease, 30*time.Second)
	setDefault(&d.StallTimeout, time.Hour)
	setDefault(&d.MaxWait, 24*time.Hour)
	setDefault(&d.PollInterval, 5*time.Second)
	setDefault(&d.DrainTimeout, 20*time.Second)
	switch d.HeadOfLine {
	case "":
		d.HeadOfLine = Park
	case Park, Block:
		if !d.OrderPerOrganization {
			return d, errors.New("ingest: WorkerOptions.HeadOfLine is of no use without OrderPerOrganization")
		}
	default:
		return d, fmt.Errorf("ingest: WorkerOptions.HeadOfLine must be %q or %q", Park, Block)
	}
	if d.Lease > 0 && d.Lease < minLease {
		return d, fmt.Errorf("ingest: WorkerOptions.Lease must be at least %s", minLease)
	}
	if d.Concurrency < 0 || d.BatchResources < 0 || d.BatchBytes < 0 || d.MaxWholeBytes < 0 || d.Lease < 0 || d.StallTimeout < 0 || d.MaxWait < 0 || d.PollInterval < 0 || d.DrainTimeout < 0 {
		return d, errors.New("ingest: no field of WorkerOptions may be negative")
	}
	return d, nil
}

// HeadOfLine is how a failed job affects the later ones of its organization.
type HeadOfLine string

const (
	// Park lets the later jobs proceed without it.
	Park HeadOfLine = "park"
	// Block makes the later jobs wait until it is redriven successfully or cancelled. A
	// rejected upload blocks nothing, since it was never accepted.
	Block HeadOfLine = "block"
)

func (o *WorkerOptions) order() jobs.Order {
	switch {
	case !o.OrderPerOrganization:
		return jobs.Unordered
	case o.HeadOfLine == Block:
		return jobs.Blocking
	}
	return jobs.Ordered
}
