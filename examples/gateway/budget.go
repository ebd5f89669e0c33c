package main

import (
	"fmt"
	"runtime"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// newBudget returns the Budget, and the disk whose free space is watched, nil if none.
// runner is the process's worker and sweeper.
func newBudget(c *gatewayflags.Config, back *backends.Backends, runner *ingest.Runner, m *metrics) (*budget.Budget, *diskspace.Disk, error) {
	o := c.Budget.Options
	o.Observe = m.ObserveRefusal
	local := back.Folder != "" && c.LocalJobs() // this machine's disk is the bottleneck
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
	if back.Folder != "" && !c.Budget.NoFloor {
		var err error
		if disk, err = diskspace.Open(back.Folder, &diskspace.Options{Floor: c.Budget.Floor}); err != nil {
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
