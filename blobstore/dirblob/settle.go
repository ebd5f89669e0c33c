package dirblob

import (
	"io/fs"
	"path/filepath"
	"time"
)

// young is how long an object may be on its way from its name to the sync of its
// folder, a writer's process that stands still included.
const young = time.Hour

// maxSettled bounds the objects that are remembered, some 2 MB.
const maxSettled = 10_000

// settle makes the name of an object durable that somebody looks at. Its writer gives
// it the name before it syncs the folder; who saw it in between, in this process or
// in another, would rely on what a power loss may still take back.
func (b *bucket) settle(name string, info fs.FileInfo) error {
	if time.Since(info.ModTime()).Abs() > young || b.isSettled(name, info.ModTime()) {
		return nil
	}
	if err := b.syncFolder(filepath.Dir(name)); err != nil {
		return err
	}
	b.setSettled(name, info.ModTime())
	return nil
}

func (b *bucket) isSettled(name string, mtime time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled[name] == mtime.UnixMicro()
}

func (b *bucket) setSettled(name string, mtime time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.settled) >= maxSettled {
		clear(b.settled) // what is forgotten is synced once more
	}
	b.settled[name] = mtime.UnixMicro()
}
