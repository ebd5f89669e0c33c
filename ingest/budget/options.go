package budget

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"
)

// Options; nil, and zero fields, mean the defaults, which fit a machine with 2
// processors and 2 GB of memory.
type Options struct {
	// Requests of authenticated callers in flight: from their headers to the end of the
	// answer. Default 512.
	Requests int
	// RequestsPerOrganization in flight. Default: as many as are free.
	RequestsPerOrganization int
	// Bytes of the bodies that are in flight. A body counts with its Content-Length, or
	// with 1 MiB if it has none and with what came once that is more. To read a body
	// takes up to twice its size in memory, if all of it is one entry. One that is larger
	// than all Bytes is admitted when no other is in flight. Default 256 MiB.
	Bytes int64
	// BytesPerOrganization in flight. Default: as many as are free.
	BytesPerOrganization int64
	// Lists is how many pages of jobs may be made or sent at a time. Default 16.
	Lists int
	// ListsPerOrganization at a time. Default: as many as are free.
	ListsPerOrganization int
	// Puts is how many files may be uploaded at a time. Each one holds a connection, what
	// the bucket writes to, and some 100 KiB of memory. Default 128.
	Puts int
	// PutsPerOrganization at a time. Default: as many as are free.
	PutsPerOrganization int
	// Unauthenticated is how many requests may be in flight whose sender is not known
	// yet, without webhooks. Default 256.
	Unauthenticated int
	// Webhooks is how many may be in flight whose signature is not verified yet.
	// Verifying needs all of a body, which may come slowly, so strangers can use these
	// up, but nothing that callers with a token need. Default 256.
	Webhooks int
	// Rate of requests of one organization, per second; Burst is how many it may send at
	// once after a pause. Default: no limit, and a Burst of twice the Rate, at least 1.
	Rate  float64
	Burst int
	// Working is how many requests are worked on at once; the others wait for their
	// turn. Default 16 for each processor.
	Working int
	// WorkingShared is the same while several organizations send: within 10 seconds of
	// the last request of the one but last. Where the work is done by this machine's
	// processors and disk, such as with a folder and SQLite, 4 for each processor keep
	// an organization's requests from waiting for those of another's flood, which then
	// takes longer. Where it is done by services elsewhere, that many would be too few.
	// Default: Working.
	WorkingShared int
	// Behind reports whether this process has more work waiting than it can do, such as
	// [github.com/fhirdock/fhirdock/ingest.Worker.Behind]. While it does, requests leave
	// the work its share of the machine: they are worked on one at a time. After one whose
	// organization has more of them waiting, or while more than four organizations wait,
	// there is a rest of four times its length, at most a second. Requests behind the next
	// one of their organization wait at most a twentieth of MaxWait. Behind is called for
	// each request, and must be quick and safe for concurrent use. Set it where requests
	// and work share processors and a disk. Default: never.
	Behind func() bool
	// MaxWait for a request's first turn; uploads (Request.Put) and later turns are not
	// bounded by it. Default 1 second.
	MaxWait time.Duration
	// Space reserves space for each body, such as a diskspace.Disk if payloads are kept in
	// a folder. A request for whose body there is no space is refused. Default: none.
	Space Space
	// Observe is called for each refusal, synchronously and concurrently; it must be
	// quick. Default: none.
	Observe func(*Refusal)
}

// Space is where bodies are kept. It must be safe for concurrent use.
type Space interface {
	// Reserve sets space aside for so many bytes, until the reservation is closed.
	Reserve(bytes int64) (io.WriteCloser, error)
}

// most is above what any limit can be.
const most = math.MaxInt32

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	for _, f := range []struct {
		name      string
		value     *int
		byDefault int
	}{
		{"Requests", &d.Requests, 512},
		{"RequestsPerOrganization", &d.RequestsPerOrganization, 0},
		{"Lists", &d.Lists, 16},
		{"ListsPerOrganization", &d.ListsPerOrganization, 0},
		{"Puts", &d.Puts, 128},
		{"PutsPerOrganization", &d.PutsPerOrganization, 0},
		{"Unauthenticated", &d.Unauthenticated, 256},
		{"Webhooks", &d.Webhooks, 256},
		{"Working", &d.Working, 16 * runtime.GOMAXPROCS(0)},
		{"WorkingShared", &d.WorkingShared, 0},
		{"Burst", &d.Burst, int(min(max(1, math.Ceil(2*d.Rate)), most))},
	} {
		if *f.value < 0 || *f.value > most {
			return d, fmt.Errorf("budget: Options.%s must be from 0 to %d", f.name, most)
		}
		if *f.value == 0 {
			*f.value = f.byDefault
		}
	}
	if d.Bytes == 0 {
		d.Bytes = 256 << 20
	}
	if d.WorkingShared == 0 {
		d.WorkingShared = d.Working
	}
	if d.MaxWait == 0 {
		d.MaxWait = time.Second
	}
	switch {
	case d.Bytes < 0:
		return d, errors.New("budget: Options.Bytes must not be negative")
	case d.BytesPerOrganization < 0:
		return d, errors.New("budget: Options.BytesPerOrganization must not be negative")
	case d.MaxWait < 0:
		return d, errors.New("budget: Options.MaxWait must not be negative")
	case d.Rate < 0 || math.IsNaN(d.Rate) || math.IsInf(d.Rate, 0):
		return d, errors.New("budget: Options.Rate must not be negative")
	case d.RequestsPerOrganization > d.Requests:
		return d, errors.New("budget: Options.RequestsPerOrganization must not be above Requests")
	case d.BytesPerOrganization > d.Bytes:
		return d, errors.New("budget: Options.BytesPerOrganization must not be above Bytes")
	case d.ListsPerOrganization > d.Lists:
		return d, errors.New("budget: Options.ListsPerOrganization must not be above Lists")
	case d.PutsPerOrganization > d.Puts:
		return d, errors.New("budget: Options.PutsPerOrganization must not be above Puts")
	case d.WorkingShared > d.Working:
		return d, errors.New("budget: Options.WorkingShared must not be above Working")
	case d.Rate == 0 && o != nil && o.Burst > 0:
		return d, errors.New("budget: Options.Burst needs a Rate")
	}
	if d.Behind == nil {
		d.Behind = func() bool { return false }
	}
	if d.Observe == nil {
		d.Observe = func(*Refusal) {}
	}
	return d, nil
}
