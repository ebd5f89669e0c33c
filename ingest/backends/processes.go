package backends

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/dirblob/alive"
)

// processes tells, by locks in a folder beside the job store's file, which of the processes
// that had it open are dead.
type processes struct {
	dir  string
	lock *alive.Lock
	log  *slog.Logger
}

// forgotten is how long after its start the lock of a dead process is removed: by then it
// has no leases left.
const forgotten = time.Hour

// openProcesses takes a lock for this process.
func (b *Backends) openProcesses(dir string, log *slog.Logger) error {
	names, err := alive.Names(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		if file, err := os.Stat(filepath.Join(dir, name+".lock")); err == nil && time.Since(file.ModTime()) > forgotten {
			_ = alive.Remove(dir, name) // nothing, if it lives; otherwise it is tried the next time
		}
	}
	lock, err := alive.Hold(dir)
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	b.Processes = &processes{dir: dir, lock: lock, log: log}
	b.closeLater(func(context.Context) error { return lock.Close() })
	return nil
}

func (p *processes) Name() string { return p.lock.Name() }

func (p *processes) Dead(name string) bool {
	dead, err := alive.Dead(p.dir, name)
	if err != nil {
		p.log.Warn("can't tell whether another process is alive; its leases run out", "error", err)
	}
	return dead
}
