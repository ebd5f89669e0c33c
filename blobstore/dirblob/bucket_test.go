package dirblob

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
)

func opened(t testing.TB) (*blob.Bucket, *bucket) {
	t.Helper()
	b, err := open(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return blob.NewBucket(b), b
}

func TestCreateOnlyHasOneWinner(t *testing.T) {
	bucket, b := opened(t)
	const rounds, writers = 40, 32
	for round := range rounds {
		key := fmt.Sprintf("r/%d/object.bin", round%7*1000+round)
		var won atomic.Int32
		var winner atomic.Value
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				content := fmt.Sprintf("writer %02d", w)
				opts := createOnly()
				opts.Metadata = map[string]string{"writer": content}
				err := bucket.WriteAll(context.Background(), key, []byte(content), opts)
				if err == nil {
					won.Add(1)
					winner.Store(content)
				} else if gcerrors.Code(err) != gcerrors.FailedPrecondition {
					t.Errorf("writer %d: %v", w, err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		content, err := bucket.ReadAll(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, winner.Load(), string(content))
		attrs, err := bucket.Attributes(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, winner.Load(), attrs.Metadata["writer"], "attributes and content are from the same write")
	}
	require.Len(t, files(t, b.dir), 2*rounds, "only objects and their attributes are left")
}

// While writers replace and delete an object, readers never see parts of two writes.
func TestReadersSeeOneWrite(t *testing.T) {
	bucket, b := opened(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				// All contents have the same size, so that they differ only in their
				// generation.
				content := fmt.Sprintf("%d-%06d", w, i)
				_ = bucket.WriteAll(context.Background(), "k.txt", []byte(content), &blob.WriterOptions{ContentType: "text/" + content})
				if i%5 == 0 {
					_ = bucket.Delete(context.Background(), "k.txt")
				}
			}
		})
	}
	for seen := 0; seen < 300; {
		r, err := bucket.NewReader(t.Context(), "k.txt", nil)
		if gcerrors.Code(err) == gcerrors.NotFound {
			continue
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Len(t, content, 8)
		require.NoError(t, r.Close())
		require.Equal(t, "text/"+string(content), r.ContentType(), "content and attributes are from the same write")
		seen++
	}
	stop()
	wg.Wait()
	require.NoError(t, bucket.WriteAll(t.Context(), "k.txt", nil, asText))
	require.NoError(t, bucket.WriteAll(t.Context(), "k.txt", nil, asText))
	require.LessOrEqual(t, len(files(t, b.dir)), 2+2, "attributes are removed with their object; concurrent writers may leave some to the collector")
}

// A reader that is delayed between content and attributes must not take the attributes of a
// later write with the same generation.
func TestReusedGeneration(t *testing.T) {
	bucket, b := opened(t)
	name := filepath.Join(b.dir, "k.txt")
	require.NoError(t, bucket.WriteAll(t.Context(), "k.txt", []byte("old"), &blob.WriterOptions{ContentType: "text/old"}))
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)

	require.NoError(t, bucket.WriteAll(t.Context(), "k.txt", []byte("new"), &blob.WriterOptions{ContentType: "text/new"}))
	now, err := os.Lstat(name)
	require.NoError(t, err)
	require.NoError(t, os.Rename(attributesName(name, now.ModTime()), attributesName(name, info.ModTime())))
	require.NoError(t, os.Chtimes(name, info.ModTime(), info.ModTime()))

	a, err := attributesOf(name, info)
	require.NoError(t, err)
	require.Nil(t, a)
	attrs, err := bucket.Attributes(t.Context(), "k.txt")
	require.NoError(t, err)
	require.Equal(t, "text/new", attrs.ContentType)
}

// Only regular files are objects: reading neither follows links nor blocks on pipes, and
// List skips them.
func TestOnlyFilesAreObjects(t *testing.T) {
	bucket, b := opened(t)
	target := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.WriteFile(target, []byte("x"), 0o600))
	if err := os.Symlink(target, filepath.Join(b.dir, "link.txt")); err != nil {
		t.Skipf("SKIPPED: can't create symbolic links: %v", err)
	}
	require.NoError(t, os.Mkdir(filepath.Join(b.dir, "folder.txt"), 0o700))
	if pipe, err := exec.LookPath("mkfifo"); err == nil {
		require.NoError(t, exec.CommandContext(t.Context(), pipe, filepath.Join(b.dir, "pipe.txt")).Run())
	}
	for _, key := range []string{"link.txt", "folder.txt", "pipe.txt"} {
		_, err := bucket.Attributes(t.Context(), key)
		require.Equal(t, gcerrors.NotFound, gcerrors.Code(err), key)
		_, err = bucket.NewReader(t.Context(), key, nil)
		require.Equal(t, gcerrors.NotFound, gcerrors.Code(err), key)
	}
	require.Empty(t, list(t, bucket, nil))
}

func TestEachWriteHasItsOwnETag(t *testing.T) {
	bucket, _ := opened(t)
	seen := map[string]bool{}
	for range 200 {
		require.NoError(t, bucket.WriteAll(t.Context(), "k", []byte("same"), nil))
		attrs, err := bucket.Attributes(t.Context(), "k")
		require.NoError(t, err)
		require.False(t, seen[attrs.ETag])
		seen[attrs.ETag] = true
	}
}

func TestFiles(t *testing.T) {
	bucket, b := opened(t)
	content := []byte("{\"resourceType\":\"Patient\"}\n")
	require.NoError(t, bucket.WriteAll(t.Context(), "processed/org/0b6e/Patient.ndjson", content, asText))
	got, err := os.ReadFile(filepath.Join(b.dir, "processed", "org", "0b6e", "Patient.ndjson"))
	require.NoError(t, err)
	require.Equal(t, content, got)

	attrs, err := bucket.Attributes(t.Context(), "processed/org/0b6e/Patient.ndjson")
	require.NoError(t, err)
	var digest blobstore.Digest
	require.True(t, attrs.As(&digest))
	require.Len(t, digest.SHA256, 64)

	// After a change by hand the attributes of the old content don't apply.
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "processed", "org", "0b6e", "Patient.ndjson"), []byte("by hand"), 0o666))
	attrs, err = bucket.Attributes(t.Context(), "processed/org/0b6e/Patient.ndjson")
	require.NoError(t, err)
	require.Equal(t, "application/x-ndjson", attrs.ContentType, "by its extension")
	require.False(t, attrs.As(&digest))
}

func TestKeysThatCouldCollide(t *testing.T) {
	bucket, b := opened(t)
	keys := []string{
		"p", "p/q", "p~", "p~/q", "p.x", "p.x/q", "p.x~/q", "..", "../p", ".", "./p", "/p", "p/", "p//q", "/", "//",
		".tmp-1", ".p@1", "%", "%/p", "%41", "A", "con", "con.txt", "nul/p", "p.", "p ", "a\\b", "a:b", "☺", "\x00", "P%2Fq",
	}
	for _, key := range keys {
		require.NoError(t, bucket.WriteAll(t.Context(), key, []byte(key), nil), "%q", key)
	}
	for _, key := range keys {
		got, err := bucket.ReadAll(t.Context(), key)
		require.NoError(t, err, "%q", key)
		require.Equal(t, key, string(got))
	}
	require.Equal(t, sorted(keys), list(t, bucket, nil))
	for _, key := range keys {
		require.NoError(t, bucket.Delete(t.Context(), key), "%q", key)
	}
	require.Empty(t, list(t, bucket, nil))
	err := bucket.WriteAll(t.Context(), string(make([]byte, 200)), nil, nil)
	require.Equal(t, gcerrors.InvalidArgument, gcerrors.Code(err), "a part is too long")
	err = bucket.WriteAll(t.Context(), strings.Repeat("abcdefg/", 600)+"x", nil, nil)
	require.Equal(t, gcerrors.InvalidArgument, gcerrors.Code(err), "too many parts")
	require.NoError(t, bucket.Close())
	entries, err := os.ReadDir(b.dir)
	require.NoError(t, err)
	require.Empty(t, entries, "no folders are left")
}

func sorted(s []string) []string { s = slices.Clone(s); slices.Sort(s); return s }

func list(t *testing.T, bucket *blob.Bucket, opts *blob.ListOptions) (keys []string) {
	t.Helper()
	it := bucket.List(opts)
	for {
		obj, err := it.Next(t.Context())
		if err == io.EOF {
			return keys
		}
		require.NoError(t, err)
		keys = append(keys, obj.Key)
	}
}

// For any page size, prefix and delimiter, List returns the same as sorting all keys.
func TestListAgainstAModel(t *testing.T) {
	bucket, _ := opened(t)
	rng := rand.New(rand.NewPCG(1, 2))
	set := map[string]bool{}
	for len(set) < 120 {
		key := ""
		for range 1 + rng.IntN(3) {
			if key != "" {
				key += "/"
			}
			for range 1 + rng.IntN(2) {
				key += string("ab.-0"[rng.IntN(5)])
			}
		}
		set[key] = true
	}
	var keys []string
	for key := range set {
		keys = append(keys, key)
		require.NoError(t, bucket.WriteAll(t.Context(), key, nil, nil))
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "a/b", ".", "b-"} {
		for _, delimiter := range []string{"", "/", "-"} {
			var want []string
			for _, key := range keys {
				if len(key) < len(prefix) || key[:len(prefix)] != prefix {
					continue
				}
				for i := len(prefix); delimiter != "" && i < len(key); i++ {
					if key[i:i+1] == delimiter {
						key = key[:i+1]
						break
					}
				}
				if len(want) == 0 || want[len(want)-1] != key {
					want = append(want, key)
				}
			}
			for _, size := range []int{1, 3, 1000} {
				var got []string
				for token := blob.FirstPageToken; ; {
					page, next, err := bucket.ListPage(t.Context(), token, size, &blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
					require.NoError(t, err)
					for _, obj := range page {
						got = append(got, obj.Key)
					}
					if token = next; len(token) == 0 {
						break
					}
				}
				require.Equal(t, want, got, "prefix %q, delimiter %q, pages of %d", prefix, delimiter, size)
			}
		}
	}
}

func TestListReadsFewFolders(t *testing.T) {
	bucket, b := opened(t)
	for i := range 400 {
		require.NoError(t, bucket.WriteAll(t.Context(), fmt.Sprintf("d%02d/e%d/f.txt", i/10, i%10), nil, nil))
	}
	reads := func(opts *blob.ListOptions, token []byte, size int) (int, []byte) {
		b.reads = 0
		page, next, err := bucket.ListPage(t.Context(), token, size, opts)
		require.NoError(t, err)
		require.Len(t, page, size)
		return b.reads, next
	}
	n, next := reads(nil, blob.FirstPageToken, 5)
	require.LessOrEqual(t, n, 8, "a page reads only the folders it shows")
	n, _ = reads(nil, next, 5)
	require.LessOrEqual(t, n, 12)
	n, _ = reads(&blob.ListOptions{Prefix: "d39/e9/"}, blob.FirstPageToken, 1)
	require.LessOrEqual(t, n, 3, "a prefix reads only its folders")
	n, _ = reads(&blob.ListOptions{Delimiter: "/"}, blob.FirstPageToken, 3)
	require.LessOrEqual(t, n, 1+4*2, "a folder needs only its first key")
}

func TestCollect(t *testing.T) {
	bucket, b := opened(t)
	require.NoError(t, bucket.WriteAll(t.Context(), "k.txt", []byte("x"), asText))
	old := time.Now().Add(-2 * stale)
	for _, name := range []string{".tmp-1", ".gone.txt@17", ".k.txt@17"} {
		path := filepath.Join(b.dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, ".tmp-2"), nil, 0o600)) // may be in use
	for _, name := range []string{".notes@home", ".cache", ".a b@17"} {          // not the bucket's
		path := filepath.Join(b.dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	require.Equal(t, []string{"k.txt"}, list(t, bucket, nil))
	b.tidyAll(t.Context(), time.Now())
	left := files(t, b.dir)
	require.Len(t, left, 3+3, "the object, its attributes, the young temporary file, and files that are not the bucket's: %v", left)
	attrs, err := bucket.Attributes(t.Context(), "k.txt")
	require.NoError(t, err)
	require.Equal(t, "text/plain", attrs.ContentType)
}

// Folders that are never listed are tidied too, when the bucket is opened.
func TestOpenCollects(t *testing.T) {
	bucket, b := opened(t)
	require.NoError(t, bucket.WriteAll(t.Context(), "incoming/k.txt", []byte("x"), asText))
	require.NoError(t, bucket.Close())
	old := time.Now().Add(-2 * stale)
	for _, name := range []string{"incoming/.tmp-1", "incoming/.gone.txt@17", "crashed/org/.tmp-1"} {
		path := filepath.Join(b.dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	bucket, err := OpenBucket(b.dir, nil)
	require.NoError(t, err)
	left := func() (n int) {
		for _, name := range []string{"incoming/.tmp-1", "incoming/.gone.txt@17", "crashed"} {
			if _, err := os.Lstat(filepath.Join(b.dir, filepath.FromSlash(name))); err == nil {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return left() == 0 }, 10*time.Second, 10*time.Millisecond, "folders that become empty are removed")
	require.NoError(t, bucket.Close())
	require.Len(t, files(t, b.dir), 2)
	got, err := os.ReadFile(filepath.Join(b.dir, "incoming", "k.txt"))
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
}

// The file of a process that died while opening the bucket is collected in time.
func TestProbeFileHasCurrentTime(t *testing.T) {
	_, b := opened(t)
	f := &keeper{fileSystem: b.fsys}
	b.fsys = f
	_ = b.probe()
	for _, name := range files(t, b.dir) {
		info, err := os.Lstat(filepath.Join(b.dir, name))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), info.ModTime(), time.Minute, name)
	}
}

// keeper is a file system that can't remove files.
type keeper struct{ fileSystem }

func (*keeper) Remove(string) error { return os.ErrPermission }

func TestCancelledWriteLeavesNothing(t *testing.T) {
	bucket, b := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := bucket.NewWriter(ctx, "a/b.txt", asText)
	require.NoError(t, err)
	_, err = w.Write([]byte("half"))
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, w.Close(), context.Canceled)
	require.Empty(t, files(t, b.dir))
}

// Another process may remove folders that a bucket knows as durable.
func TestFoldersRemovedByAnotherProcess(t *testing.T) {
	bucket, b := opened(t)
	other, err := OpenBucket(b.dir, nil)
	require.NoError(t, err)
	defer other.Close()
	for range 3 {
		require.NoError(t, bucket.WriteAll(t.Context(), "a/b/k.txt", nil, asText))
		require.NoError(t, other.Delete(t.Context(), "a/b/k.txt"))
		require.NoDirExists(t, filepath.Join(b.dir, "a"))
	}
}

// An unmounted volume must not look like missing objects.
func TestMissingFolder(t *testing.T) {
	bucket, b := opened(t)
	require.NoError(t, bucket.WriteAll(t.Context(), "a/k.txt", nil, nil))
	w, err := bucket.NewWriter(t.Context(), "a/w.txt", asText)
	require.NoError(t, err)
	require.NoError(t, os.Rename(b.dir, b.dir+"-moved"))
	defer os.Rename(b.dir+"-moved", b.dir)

	_, err = bucket.Attributes(t.Context(), "a/k.txt")
	require.ErrorContains(t, err, "folder is gone")
	_, err = bucket.NewReader(t.Context(), "a/k.txt", nil)
	errs := map[string]error{
		"read": err, "delete": bucket.Delete(t.Context(), "a/k.txt"), "copy": bucket.Copy(t.Context(), "c", "a/k.txt", nil),
		"write": bucket.WriteAll(t.Context(), "b/k.txt", nil, nil), "write here": bucket.WriteAll(t.Context(), "k.txt", nil, nil), "commit": w.Close(),
	}
	for doing, err := range errs {
		require.Error(t, err, doing)
		require.NotEqual(t, gcerrors.NotFound, gcerrors.Code(err), doing)
	}
	exists, err := bucket.IsAccessible(t.Context())
	require.NoError(t, err)
	require.False(t, exists)
	_, err = bucket.List(nil).Next(t.Context())
	require.NotEqual(t, io.EOF, err)
	require.Error(t, err)
}

func TestFoldersComeAndGo(t *testing.T) {
	bucket, b := opened(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				key := fmt.Sprintf("a/b/c/%d.txt", w)
				if err := bucket.WriteAll(context.Background(), key, nil, nil); err != nil {
					t.Errorf("write %d: %v", i, err)
				}
				if err := bucket.Delete(context.Background(), key); err != nil {
					t.Errorf("delete %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, bucket.Close())
	entries, err := os.ReadDir(b.dir)
	require.NoError(t, err)
	require.Empty(t, entries, "empty folders are removed")
}

// BenchmarkWrite compares a durable create-only write with the minimum of a durable write:
// write, sync the file, sync the folder.
func BenchmarkWrite(b *testing.B) {
	content := make([]byte, 16<<10)
	b.Run("dirblob", func(b *testing.B) {
		bucket, _ := opened(b)
		for i := 0; b.Loop(); i++ {
			require.NoError(b, bucket.WriteAll(b.Context(), fmt.Sprintf("k%d.json", i), content, createOnly()))
		}
	})
	b.Run("bare", func(b *testing.B) {
		dir := b.TempDir()
		for i := 0; b.Loop(); i++ {
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("k%d.json", i)))
			require.NoError(b, err)
			_, err = f.Write(content)
			require.NoError(b, err)
			require.NoError(b, f.Sync())
			require.NoError(b, f.Close())
			require.NoError(b, syncFolder(dir))
		}
	})
}
