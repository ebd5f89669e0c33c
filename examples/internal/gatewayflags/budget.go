package gatewayflags

import (
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// Budget limits what requests may use of this process at a time.
type Budget struct {
	budget.Options
	Floor   int64 // bytes of free space if the bucket is a folder; 0: diskspace's default
	NoFloor bool
}

// budgetFlags defines the flags of a Budget. The returned function checks them after
// parsing.
func budgetFlags(s *envflag.Set) func() (Budget, error) {
	var b Budget
	const share = "0: as many as\nare free, so an organization that is alone gets half"
	s.Group("Budgets: a request above them gets a 429 or 503 with Retry-After")
	s.IntVar(&b.Requests, "max-requests", 512, "`REQUESTS` in flight")
	s.IntVar(&b.RequestsPerOrganization, "max-requests-per-organization", 0, "`REQUESTS` of one organization in flight; "+share)
	s.SizeVar(&b.Bytes, "max-bytes", "256MiB", "`SIZE` of all Bundles in flight; they take up to twice as much memory")
	s.SizeVar(&b.BytesPerOrganization, "max-bytes-per-organization", "", "`SIZE` of one organization's Bundles in flight (default: as much as\nis free)")
	s.IntVar(&b.Lists, "max-lists", 16, "`LISTS` of jobs at a time")
	s.IntVar(&b.ListsPerOrganization, "max-lists-per-organization", 0, "`LISTS` of one organization at a time; "+share)
	s.IntVar(&b.Puts, "max-puts", 128, "`UPLOADS` to a folder at a time")
	s.IntVar(&b.PutsPerOrganization, "max-puts-per-organization", 0, "`UPLOADS` of one organization to a folder at a time; "+share)
	s.IntVar(&b.Unauthenticated, "max-unauthenticated", 256, "`REQUESTS` in flight that are not authenticated yet")
	s.IntVar(&b.Webhooks, "max-webhooks", 256, "`WEBHOOKS` in flight whose signature is not verified yet")
	rate := s.Int("rate", 1000, "`REQUESTS` per second of one organization; 0: no limit")
	s.IntVar(&b.Burst, "burst", 0, "`REQUESTS` that one organization may send at once after a pause; 0: twice -rate")
	s.IntVar(&b.Working, "working", 0, "`REQUESTS` being handled at once; organizations take turns. 0: 16 per processor")
	s.IntVar(&b.WorkingShared, "working-shared", 0, "`REQUESTS` being handled at once while several organizations send; 0: 4 per processor\nif the bucket is a folder and the jobs are in SQLite, otherwise -working")
	s.DurationVar(&b.MaxWait, "max-wait", time.Second, "`TIME` that a request other than a file upload waits for its turn")
	floor := s.String("min-free", "", "`SIZE` of disk space that payloads leave free if the bucket is a folder; 0: none\n(default: a twentieth of the disk, at most 1GiB)")

	return func() (Budget, error) {
		var err error
		switch *floor {
		case "":
		case "0":
			b.NoFloor = true
		default:
			if b.Floor, err = s.ParseSize("min-free", *floor); err != nil {
				return b, err
			}
		}
		b.Rate = float64(*rate)
		b.Behind = func() bool { return false } // until there is a worker
		if _, err := budget.New(&b.Options); err != nil {
			return b, fmt.Errorf("flags of group Budgets: %w", err)
		}
		return b, nil
	}
}
