package dirblob

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// step is a successful change of a file system, or the start or end of a sync. Changes made
// during a sync need not be durable after it.
type step struct {
	kind  stepKind
	name  string // slash-separated, relative to the root
	to    string
	file  int // number of the created file, from 1
	data  []byte
	mtime time.Time
	began int // for the end of a sync: the index of its start
}

type stepKind int

const (
	stepMkdir stepKind = iota
	stepCreate
	stepWrite
	stepChtimes
	stepLink
	stepRename
	stepRemove
	stepSyncFile
	stepFileSynced
	stepSyncFolder
	stepFolderSynced
)

// trace makes changes on the real file system and records them in order. Syncs are only
// recorded.
type trace struct {
	root string
	// skip reports whether to leave out a sync, like a bug would. Nil: none.
	skip func(sync, before step) bool
	// during is called during a sync. Nil: nothing.
	during func(sync step)

	mu    sync.Mutex
	steps []step
	files int
}

func (r *trace) rel(name string) string {
	return strings.TrimPrefix(strings.ReplaceAll(strings.TrimPrefix(name, r.root), string(os.PathSeparator), "/"), "/")
}

// now returns how many steps were made.
func (r *trace) now() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.steps)
}

// latest returns the last step, and how many were made.
func (r *trace) latest() (step, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.steps[len(r.steps)-1], len(r.steps)
}

// do makes a step, records it if it succeeded, and yields.
func (r *trace) do(s step, call func() error) error {
	defer runtime.Gosched()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := call(); err != nil {
		return err
	}
	r.steps = append(r.steps, s)
	return nil
}

func (r *trace) Mkdir(name string) error {
	return r.do(step{kind: stepMkdir, name: r.rel(name)}, func() error { return osFS{}.Mkdir(name) })
}

func (r *trace) CreateTemp(folder, owner string) (file, error) {
	return r.create(func() (file, error) { return osFS{}.CreateTemp(folder, owner) })
}

func (r *trace) Create(name string) (file, error) {
	return r.create(func() (file, error) { return osFS{}.Create(name) })
}

func (r *trace) create(open func() (file, error)) (file, error) {
	defer runtime.Gosched()
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := open()
	if err != nil {
		return nil, err
	}
	r.files++
	r.steps = append(r.steps, step{kind: stepCreate, name: r.rel(f.Name()), file: r.files})
	return &tracedFile{file: f, trace: r, n: r.files}, nil
}

func (r *trace) Chtimes(name string, mtime time.Time) error {
	return r.do(step{kind: stepChtimes, name: r.rel(name), mtime: mtime}, func() error { return osFS{}.Chtimes(name, mtime) })
}

func (r *trace) Link(from, to string) error {
	return r.do(step{kind: stepLink, name: r.rel(from), to: r.rel(to)}, func() error { return osFS{}.Link(from, to) })
}

func (r *trace) Rename(from, to string) error {
	return r.do(step{kind: stepRename, name: r.rel(from), to: r.rel(to)}, func() error { return osFS{}.Rename(from, to) })
}

func (r *trace) Remove(name string) error {
	return r.do(step{kind: stepRemove, name: r.rel(name)}, func() error { return osFS{}.Remove(name) })
}

func (r *trace) SyncFolder(name string) error {
	return r.sync(stepSyncFolder, step{kind: stepFolderSynced, name: r.rel(name)}, func() error {
		_, err := os.Stat(name)
		return err
	})
}

// sync records a sync, during which other goroutines may make changes.
func (r *trace) sync(begin stepKind, end step, do func() error) error {
	if r.skip != nil {
		last, at := r.latest()
		if end.began = at; r.skip(end, last) {
			return nil
		}
	}
	first := step{kind: begin, name: end.name, file: end.file}
	if err := r.do(first, func() error { end.began = len(r.steps); return do() }); err != nil {
		return err
	}
	if r.during != nil {
		r.during(end)
	}
	for range 3 {
		runtime.Gosched()
	}
	return r.do(end, func() error { return nil })
}

type tracedFile struct {
	file
	trace *trace
	n     int
}

func (f *tracedFile) Write(p []byte) (n int, err error) {
	s := step{kind: stepWrite, file: f.n, data: append([]byte(nil), p...)}
	err = f.trace.do(s, func() error { n, err = f.file.Write(p); return err })
	return n, err
}

func (f *tracedFile) Sync() error {
	name := f.trace.rel(f.Name())
	return f.trace.sync(stepSyncFile, step{kind: stepFileSynced, name: name, file: f.n}, func() error { return nil })
}
