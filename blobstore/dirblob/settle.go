package dirblob

import (
	"io/fs"
	"path/filepath"
	"time"
)

// young is how long after its creation an object's folder may not be synced yet, even if
// the writer's process is stopped for a while.
const young = time.Hour

// maxSettled bounds bucket.settled, to about 2 MB.
const maxSettled = 10_000

// settle makes the name of an object durable before a reader relies on it. A writer names
// the object before it syncs the folder, so a reader in between, in this or another
// process, would see an object that a power loss may still undo.
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
		clear(b.settled) // the dropped ones are synced again
	}
	b.settled[name] = mtime.UnixMicro()
}
