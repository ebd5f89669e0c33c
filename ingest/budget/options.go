package budget

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"
)

// Options of a Budget; nil, and zero fields, mean the defaults, which suit a machine with 2
// processors and 2 GB of memory.
type Options struct {
	// Requests is how many requests of authenticated callers may be in flight, from the
	// headers to the end of the answer. Default: 512.
	Requests int
	// RequestsPerOrganization in flight. Default: as many as are free.
	RequestsPerOrganization int
	// Bytes is the total size of the bodies in flight. A body counts with its
	// Content-Length or, without one, with 1 MiB or what was received if that is more.
	// Reading a body takes up to twice its size in memory, if it is a single entry. A body
	// larger than Bytes is admitted if no other is in flight. Default: 256 MiB.
	Bytes int64
	// BytesPerOrganization in flight. Default: as many as are free.
	BytesPerOrganization int64
	// Lists is how many pages of jobs may be read or sent at the same time. Default: 16.
	Lists int
	// ListsPerOrganization at the same time. Default: as many as are free.
	ListsPerOrganization int
	// Puts is how many files may be uploaded at the same time. Each needs a connection, a
	// file or other destination, and about 100 KiB of memory. Default: 128.
	Puts int
	// PutsPerOrganization at the same time. Default: as many as are free.
	PutsPerOrganization int
	// Unauthenticated is how many requests other than webhooks may be in flight whose
	// sender is not known yet. Default: 256.
	Unauthenticated int
	// Webhooks is how many webhooks may be in flight whose signature is not verified yet.
	// Verification needs the whole body, which may arrive slowly, so anyone can use these
	// up, but nothing that callers with a token need. Default: 256.
	Webhooks int
	// Rate is how many requests an organization may send per second, and Burst how many at
	// once after a pause. Default: no limit; a Burst of twice the Rate, at least 1.
	Rate  float64
	Burst int
	// Working is how many requests are worked on at the same time; the others wait for
	// their turn. Default: 16 for each processor.
	Working int
	// WorkingShared replaces Working while several organizations send, that is, until 10
	// seconds after the last request of the second-last organization. If the work is done
	// by this machine's processors and disk, as with a folder and SQLite, 4 for each
	// processor keeps one organization's requests from waiting for another's flood. If it
	// is done by services elsewhere, that would be too few. Default: Working.
	WorkingShared int
	// Behind reports whether this process has more work waiting than it can do; see
	// [github.com/fhirdock/fhirdock/ingest.Worker.Behind]. While it returns true, requests
	// leave a share of the machine to the work. They are worked on one at a time. After a
	// request whose organization has more of them waiting, or while more than four
	// organizations wait, there is a pause of four times its length, at most a second. Only
	// the next request of an organization waits for MaxWait; the others wait at most a
	// twentieth of it. Behind is called for each request, so it must be quick and safe for
	// concurrent use. Set it if requests and work share processors and a disk. Default:
	// never.
	Behind func() bool
	// MaxWait is how long a request waits for its first turn. It does not apply to uploads
	// (Request.Put) and later turns. Default: 1 second.
	MaxWait time.Duration
	// Space reserves space for each body, for example a diskspace.Disk if payloads are
	// stored in a folder. Requests whose body does not fit are refused. Default: none.
	Space Space
	// Observe is called for each refusal, synchronously and concurrently; it must be
	// quick. Default: none.
	Observe func(*Refusal)
}

// Space is where bodies are stored. It must be safe for concurrent use.
type Space interface {
	// Reserve reserves space for the given number of bytes, until the reservation is
	// closed.
	Reserve(bytes int64) (io.WriteCloser, error)
}

// maxLimit is the largest value of any limit.
const maxLimit = math.MaxInt32

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
		{"Burst", &d.Burst, int(min(max(1, math.Ceil(2*d.Rate)), maxLimit))},
	} {
		if *f.value < 0 || *f.value > maxLimit {
			return d, fmt.Errorf("budget: Options.%s must be from 0 to %d", f.name, maxLimit)
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
