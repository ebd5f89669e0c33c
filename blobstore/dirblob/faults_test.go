package dirblob

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

var errFault = errors.New("planted fault")

// faulty records the steps of a write and fails the one at failAt.
type faulty struct {
	fileSystem
	dir    string
	steps  []string
	failAt int // from 1; 0 means never
}

func (f *faulty) step(what, name string) error {
	name = strings.TrimPrefix(strings.TrimPrefix(name, f.dir), "/")
	base := filepath.Base(name)
	switch {
	case strings.HasPrefix(base, tempPrefix):
		name = "temp"
	case hidden(base) && base != ".":
		name = "attributes"
	}
	f.steps = append(f.steps, what+" "+name)
	if len(f.steps) == f.failAt {
		return errFault
	}
	return nil
}

func (f *faulty) Mkdir(name string) error {
	if err := f.step("mkdir", name); err != nil {
		return err
	}
	return f.fileSystem.Mkdir(name)
}

func (f *faulty) CreateTemp(folder, owner string) (file, error) {
	if err := f.step("create", filepath.Join(folder, tempPrefix)); err != nil {
		return nil, err
	}
	inner, err := f.fileSystem.CreateTemp(folder, owner)
	return &faultyFile{inner, f}, err
}

func (f *faulty) Create(name string) (file, error) {
	if err := f.step("create", name); err != nil {
		return nil, err
	}
	inner, err := f.fileSystem.Create(name)
	return &faultyFile{inner, f}, err
}

func (f *faulty) Chtimes(name string, t time.Time) error {
	if err := f.step("chtimes", name); err != nil {
		return err
	}
	return f.fileSystem.Chtimes(name, t)
}

func (f *faulty) Link(from, to string) error {
	if err := f.step("link", to); err != nil {
		return err
	}
	return f.fileSystem.Link(from, to)
}

func (f *faulty) Rename(from, to string) error {
	if err := f.step("rename", to); err != nil {
		return err
	}
	return f.fileSystem.Rename(from, to)
}

func (f *faulty) Remove(name string) error {
	if f.failAt == 0 {
		_ = f.step("remove", name)
	}
	return f.fileSystem.Remove(name)
}

func (f *faulty) SyncFolder(name string) error {
	if err := f.step("sync folder", name); err != nil {
		return err
	}
	return f.fileSystem.SyncFolder(name)
}

type faultyFile struct {
	file
	f *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.f.step("write", f.Name()); err != nil {
		return 0, err
	}
	return f.file.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.f.step("sync", f.Name()); err != nil {
		return err
	}
	return f.file.Sync()
}

func faultyBucket(t *testing.T, failAt int) (*blob.Bucket, *faulty) {
	t.Helper()
	b, err := open(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	f := &faulty{fileSystem: b.fsys, dir: b.dir, failAt: failAt}
	b.fsys = f
	return blob.NewBucket(b), f
}

var asText = &blob.WriterOptions{ContentType: "text/plain", Metadata: map[string]string{"k": "v"}}

func createOnly() *blob.WriterOptions {
	o := *asText
	o.IfNotExist = true
	return &o
}

// A write is synced in this order before it is acknowledged.
func TestStepsOfWrite(t *testing.T) {
	bucket, f := faultyBucket(t, 0)
	require.NoError(t, bucket.WriteAll(t.Context(), "a/b/c.txt", []byte("x"), createOnly()))
	require.Equal(t, []string{
		"mkdir a", "mkdir a/b", "create temp", "sync folder ", "sync folder a",
		"write temp", "create attributes", "write attributes", "sync attributes",
		"chtimes temp", "sync temp", "link a/b/c.txt", "remove temp", "sync folder a/b",
	}, f.steps)

	f.steps = nil
	require.NoError(t, bucket.WriteAll(t.Context(), "a/b/c.txt", []byte("y"), asText))
	require.Equal(t, []string{
		"create temp", "write temp", "create attributes", "write attributes", "sync attributes",
		"chtimes temp", "sync temp", "rename a/b/c.txt", "sync folder a/b", "remove attributes",
	}, f.steps, "folders that are known to be durable are not synced again")

	f.steps = nil
	require.NoError(t, bucket.Delete(t.Context(), "a/b/c.txt"))
	require.Equal(t, []string{"remove a/b/c.txt", "sync folder a/b", "remove attributes", "remove a/b", "remove a"}, f.steps)
}

// If any step fails, the write fails, and the old object, the new one, or none is visible as
// a whole.
func TestEachStepFails(t *testing.T) {
	for _, over := range []bool{false, true} {
		for n := 1; ; n++ {
			name := fmt.Sprintf("over an object %v, step %d", over, n)
			bucket, f := faultyBucket(t, 0)
			opts := createOnly()
			if over {
				require.NoError(t, bucket.WriteAll(t.Context(), "a/b.txt", []byte("old"), &blob.WriterOptions{ContentType: "text/old"}))
				opts = asText
			}
			f.steps, f.failAt = nil, n
			err := bucket.WriteAll(t.Context(), "a/b.txt", []byte("new"), opts)
			if len(f.steps) < n {
				require.NoError(t, err)
				require.Greater(t, n, 8, "all steps were tried")
				break
			}
			require.ErrorIs(t, err, errFault, name)
			last := f.steps[n-1]
			f.failAt = 0

			attrs, aerr := bucket.Attributes(t.Context(), "a/b.txt")
			switch {
			case over && strings.HasPrefix(last, "sync folder"): // it already has its name
				require.NoError(t, aerr, name)
				require.Equal(t, "text/plain", attrs.ContentType, name)
			case over:
				require.NoError(t, aerr, name)
				require.Equal(t, "text/old", attrs.ContentType, name)
				content, err := bucket.ReadAll(t.Context(), "a/b.txt")
				require.NoError(t, err)
				require.Equal(t, "old", string(content), name)
			default:
				require.Equal(t, gcerrors.NotFound, gcerrors.Code(aerr), name)
			}
			for _, left := range files(t, f.dir) {
				require.NotContains(t, left, tempPrefix, name)
			}
			if !over && aerr != nil {
				require.Empty(t, files(t, f.dir), "nothing is left: "+name)
			}
		}
	}
}

// files returns all files below a folder, including hidden ones.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == locksFolder {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	}))
	slices.Sort(names)
	return names
}

// Opening a bucket tries every step that a write needs.
func TestProbeTriesEachStep(t *testing.T) {
	for n := 1; ; n++ {
		b, err := open(t.TempDir(), nil)
		require.NoError(t, err)
		f := &faulty{fileSystem: b.fsys, dir: b.dir, failAt: n}
		b.fsys = f
		err = b.probe()
		require.NoError(t, b.Close())
		if len(f.steps) < n {
			require.NoError(t, err)
			require.Equal(t, []string{"create temp", "chtimes temp", "link temp", "sync folder "}, f.steps)
			break
		}
		require.ErrorIs(t, err, errFault, f.steps[n-1])
		require.Empty(t, files(t, b.dir))
	}
}

// meanwhile is a file system that can't sync folders, and calls a function when it fails.
type meanwhile struct {
	fileSystem
	do func()
}

func (m *meanwhile) SyncFolder(string) error {
	m.do()
	return errFault
}

// A write that fails at the end removes its own object, but not another writer's
// acknowledged one.
func TestFailedWriteRemovesOnlyItsOwn(t *testing.T) {
	bucket, b := opened(t)
	other, err := OpenBucket(b.dir, nil)
	require.NoError(t, err)
	defer other.Close()
	b.fsys = &meanwhile{fileSystem: b.fsys, do: func() {
		require.NoError(t, other.Delete(t.Context(), "k.txt"))
		require.NoError(t, other.WriteAll(t.Context(), "k.txt", []byte("other"), createOnly()))
	}}
	require.ErrorIs(t, bucket.WriteAll(t.Context(), "k.txt", []byte("own"), createOnly()), errFault)
	got, err := other.ReadAll(t.Context(), "k.txt")
	require.NoError(t, err)
	require.Equal(t, "other", string(got))
	require.Len(t, files(t, b.dir), 2)
}
