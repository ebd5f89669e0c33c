// Package diskspace keeps incoming data from filling the disk of a folder, so that there is
// space left to process what was accepted: job records, output, logs.
//
//	disk, err := diskspace.Open("/srv/payloads", nil)
//	shared, err := budget.New(&budget.Options{Space: disk})
//
// It only limits writers that reserve space, not other writes to the disk.
package diskspace

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Options of a Disk; nil, and zero fields, mean the defaults.
type Options struct {
	// Floor is how much of the disk must stay free, in bytes. Default: a twentieth of the
	// disk, at most 1 GiB.
	Floor int64
}

// ErrLow: the free space is, or would be, below the floor.
var ErrLow = errors.New("diskspace: not enough free space")

// Disk is the file system of a folder. It is safe for concurrent use.
type Disk struct {
	folder string
	floor  int64
	free   func() (int64, error)

	mu       sync.Mutex
	reserved int64 // and not written yet
}

// Open returns the disk of a folder, which must exist. A negative Floor is an error. On
// systems other than Linux, macOS, FreeBSD and Windows the free space is unknown, and a Disk
// always has enough.
func Open(folder string, opts *Options) (*Disk, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Floor < 0 {
		return nil, errors.New("diskspace: Options.Floor must not be negative")
	}
	d := &Disk{folder: folder, floor: o.Floor, free: func() (int64, error) {
		free, _, err := space(folder)
		return free, err
	}}
	_, all, err := space(folder)
	if err != nil {
		return nil, fmt.Errorf("diskspace: %w", err)
	}
	if d.floor == 0 {
		d.floor = min(all/20, 1<<30)
	}
	return d, nil
}

// Check returns [ErrLow] if the free space is below the floor, and the system's error if it
// can't be read.
func (d *Disk) Check() error { return d.room(0) }

// room returns an error unless the given number of bytes can be reserved.
func (d *Disk) room(bytes int64) error {
	free, err := d.free()
	if err != nil {
		return fmt.Errorf("diskspace: %w", err)
	}
	if d.floor > free-bytes {
		return fmt.Errorf("%w on the file system of %s: %d bytes are free and %d must stay free", ErrLow, d.folder, free, d.floor)
	}
	return nil
}

// Reserve reserves space for a number of bytes. Bytes written to the reservation are
// discarded, but count as written to the disk. Close releases the rest. The reservation is
// not safe for concurrent use. Errors are those of [Disk.Check].
func (d *Disk) Reserve(bytes int64) (io.WriteCloser, error) {
	bytes = max(0, bytes)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.room(d.reserved + bytes); err != nil {
		return nil, err
	}
	d.reserved += bytes
	return &reservation{disk: d, left: bytes}, nil
}

type reservation struct {
	disk *Disk
	left int64
}

func (r *reservation) take(n int64) {
	n = min(n, r.left)
	r.left -= n
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.disk.reserved -= n
}

func (r *reservation) Write(p []byte) (int, error) {
	r.take(int64(len(p)))
	return len(p), nil
}

func (r *reservation) Close() error {
	r.take(r.left)
	return nil
}
