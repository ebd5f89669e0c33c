package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
)

// longestLease is how far ahead takeOver looks for ends of leases. Longer ones run out.
const longestLease = 5 * time.Minute

// takeOver takes jobs of processes known to be dead, before their leases run out. It looks
// at the first page of jobs that will be due, which begins with the leases.
func (w *Sweeper) takeOver(ctx context.Context) error {
	s := w.svc
	if s.back.Processes == nil {
		return nil
	}
	read, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	soon, err := s.back.Jobs.Due(read, s.now().Add(longestLease), jobs.MaxPage)
	if err != nil && !errors.Is(err, jobs.ErrRecord) {
		return fmt.Errorf("ingest: read the leases of dead processes: %w", err)
	}
	dead := map[string]bool{}
	var g errgroup.Group
	g.SetLimit(dueAtOnce)
	for _, job := range soon {
		process, _, named := strings.Cut(job.LeaseOwner, "/")
		if job.State != jobs.Processing || !named {
			continue
		}
		if _, known := dead[process]; !known {
			dead[process] = s.back.Processes.Dead(process)
		}
		if dead[process] {
			g.Go(func() error {
				return w.rescue(ctx, job, "its process has ended", func(j *jobs.Job) error {
					now := s.now()
					return j.TakeOver(now, job.LeaseOwner, s.afterDeath(j, now))
				})
			})
		}
	}
	return g.Wait()
}
