package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// budgets limits what requests may use of this process at a time.
type budgets struct {
	budget.Options
	floor   int64 // of free space if the bucket is a folder; 0: diskspace's default
	noFloor bool
}

// budgetFlags defines the flags of budgets. The returned function checks them after
// parsing.
func budgetFlags(s *envflag.Set) func() (budgets, error) {
	var o budgets
	const share = "0: as many as\nare free, so an organization that is alone gets half"
	s.Group("Budgets: a request above them gets a 429 or 503 with Retry-After")
	s.IntVar(&o.Requests, "max-requests", 512, "`REQUESTS` in flight")
	s.IntVar(&o.RequestsPerOrganization, "max-requests-per-organization", 0, "`REQUESTS` of one organization in flight; "+share)
	bytes := s.String("max-bytes", "256MiB", "`SIZE` of all Bundles in flight; they take up to twice as much memory")
	bytesEach := s.String("max-bytes-per-organization", "", "`SIZE` of one organization's Bundles in flight (default: as much as\nis free)")
	s.IntVar(&o.Lists, "max-lists", 16, "`LISTS` of jobs at a time")
	s.IntVar(&o.ListsPerOrganization, "max-lists-per-organization", 0, "`LISTS` of one organization at a time; "+share)
	s.IntVar(&o.Puts, "max-puts", 128, "`UPLOADS` to a folder at a time")
	s.IntVar(&o.PutsPerOrganization, "max-puts-per-organization", 0, "`UPLOADS` of one organization to a folder at a time; "+share)
	s.IntVar(&o.Unauthenticated, "max-unauthenticated", 256, "`REQUESTS` in flight that are not authenticated yet")
	s.IntVar(&o.Webhooks, "max-webhooks", 256, "`WEBHOOKS` in flight whose signature is not verified yet")
	rate := s.Int("rate", 1000, "`REQUESTS` per second of one organization; 0: no limit")
	s.IntVar(&o.Burst, "burst", 0, "`REQUESTS` that one organization may send at once after a pause; 0: twice -rate")
	s.IntVar(&o.Working, "working", 0, "`REQUESTS` being handled at once; organizations take turns. 0: 16 per processor")
	s.IntVar(&o.WorkingShared, "working-shared", 0, "`REQUESTS` being handled at once while several organizations send; 0: 4 per processor\nif the bucket is a folder and the jobs are in SQLite, otherwise -working")
	s.DurationVar(&o.MaxWait, "max-wait", time.Second, "`TIME` that a request other than a file upload waits for its turn")
	floor := s.String("min-free", "", "`SIZE` of disk space that payloads leave free if the bucket is a folder; 0: none\n(default: a twentieth of the disk, at most 1GiB)")

	return func() (budgets, error) {
		var err error
		switch *floor {
		case "":
		case "0":
			o.noFloor = true
		default:
			if o.floor, err = size("min-free", *floor); err != nil {
				return o, err
			}
		}
		if o.Bytes, err = size("max-bytes", *bytes); err != nil {
			return o, err
		}
		if *bytesEach != "" {
			if o.BytesPerOrganization, err = size("max-bytes-per-organization", *bytesEach); err != nil {
				return o, err
			}
		}
		o.Rate = float64(*rate)
		o.Behind = func() bool { return false } // until there is a worker
		if _, err := budget.New(&o.Options); err != nil {
			return o, fmt.Errorf("flags of group Budgets: %w", err)
		}
		return o, nil
	}
}

// localJobs reports whether the job store is a file on this machine.
func (c *config) localJobs() bool {
	return c.urls.Jobs == "" || strings.HasPrefix(c.urls.Jobs, "sqlite:")
}

// open returns the Budget, and the disk whose free space is watched, nil if none. runner
// is the process's worker and sweeper.
func (b budgets) open(back *backends.Backends, localJobs bool, runner *ingest.Runner, m *metrics) (*budget.Budget, *diskspace.Disk, error) {
	o := b.Options
	o.Observe = m.ObserveRefusal
	local := back.Folder != "" && localJobs // this machine's disk is the bottleneck
	if local {
		o.Behind = runner.Behind
	}
	if o.WorkingShared == 0 && local {
		o.WorkingShared = 4 * runtime.GOMAXPROCS(0)
		if o.Working > 0 {
			o.WorkingShared = min(o.WorkingShared, o.Working)
		}
	}
	var disk *diskspace.Disk
	if back.Folder != "" && !b.noFloor {
		var err error
		if disk, err = diskspace.Open(back.Folder, &diskspace.Options{Floor: b.floor}); err != nil {
			return nil, nil, fmt.Errorf("-min-free: %w", err)
		}
		o.Space = disk
		m.WatchDisk(disk)
	}
	shared, err := budget.New(&o)
	if err != nil {
		return nil, nil, err
	}
	m.WatchBudget(shared)
	return shared, disk, nil
}
