package dirblob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

// scenario makes a trace. Its bucket is two folders below the root; only the root exists.
type scenario struct {
	name string
	run  func(s *session)
}

// session is one run of a scenario.
type session struct {
	*actions
	t      testing.TB
	bucket *blob.Bucket
	rng    *rand.Rand
	door   http.Handler
	signer *signedurl.Signer
}

var scenarios = []scenario{
	{"create-only writes", func(s *session) {
		for i, size := range []int{0, 1, 1000, 70_000} {
			s.create(fmt.Sprintf("in/%d/object.bin", i%2*10+i), size)
		}
		s.create("in/0/object.bin", 10) // already exists
		s.create("in/0/other.bin", 10)
	}},
	{"overwrites", func(s *session) {
		for _, size := range []int{3000, 10, 5000, 0} {
			s.write("a/b/c", size)
		}
		s.write("a/b/d", 100)
		s.write("a/b/c", 20)
	}},
	{"plain writes", func(s *session) {
		s.plain("out/job/Patient.ndjson", 3000, false)
		s.plain("out/job/Patient.ndjson", 3000, false)
		s.plain("out/job/part", 100, true)
		s.plain("out/job/part", 100, true) // already exists
		s.write("out/job/part", 100)
		s.plain("out/job/part", 100, false)
		s.remove("out/job/Patient.ndjson")
		s.plain("out/job/Patient.ndjson", 10, true)
	}},
	{"copies", func(s *session) {
		s.write("from/x.json", 2000)
		s.copy("from/x.json", "to/deep/x.json")
		s.write("from/x.json", 500)
		s.copy("from/x.json", "to/deep/x.json")
	}},
	{"folders created and removed", func(s *session) {
		for range 3 {
			s.create("org/day/job.json", 200)
			s.remove("org/day/job.json")
		}
		s.create("org/day/job.json", 300)
		s.remove("org/day/job.json")
		s.create("org/other/job.json", 300)
	}},
	{"signed uploads", func(s *session) {
		for i, size := range []int{1, 40_000, 700} {
			s.upload(fmt.Sprintf("up/org/%d.ndjson", i), size)
		}
		s.upload("up/org/0.ndjson", 30) // refused
		s.remove("up/org/1.ndjson")
		s.upload("up/org/1.ndjson", 500)
	}},
	{"concurrent writers", func(s *session) {
		keys := []string{"k/one", "k/two", "l/m/three"}
		var wg sync.WaitGroup
		for w := range 5 {
			mine := &session{actions: s.actions, t: s.t, bucket: s.bucket, door: s.door, signer: s.signer, rng: rand.New(rand.NewPCG(s.rng.Uint64(), uint64(w)))}
			wg.Go(func() {
				for range 5 {
					key := keys[mine.rng.IntN(len(keys))]
					switch size := mine.rng.IntN(3000); mine.rng.IntN(7) {
					case 0:
						mine.write(key, size)
					case 1, 2:
						mine.create(key, size)
					case 3:
						mine.upload(key, 1+size)
					case 4:
						mine.plain(key, size, size%2 == 0)
					default:
						mine.remove(key)
					}
				}
			})
		}
		wg.Wait()
	}},
}

func (s *session) write(key string, size int) {
	data, c := body(s.rng, size)
	s.make(key, c, func() error {
		return s.bucket.WriteAll(context.Background(), key, data, &blob.WriterOptions{ContentType: c.contentType, Metadata: c.metadata})
	})
}

func (s *session) create(key string, size int) {
	data, c := body(s.rng, size)
	c.createOnly = true
	s.make(key, c, func() error {
		return s.bucket.WriteAll(context.Background(), key, data, &blob.WriterOptions{ContentType: c.contentType, Metadata: c.metadata, IfNotExist: true})
	})
}

// plain writes an object without attributes.
func (s *session) plain(key string, size int, createOnly bool) {
	data, c := body(s.rng, size)
	c.contentType, c.metadata, c.createOnly = typeOf(key), nil, createOnly
	s.make(key, c, func() error {
		return s.bucket.WriteAll(context.Background(), key, data, &blob.WriterOptions{
			ContentType: c.contentType, BeforeWrite: blobstore.Plain, IfNotExist: createOnly,
		})
	})
}

// copy copies an object that only this goroutine writes.
func (s *session) copy(from, to string) {
	var c content
	for _, a := range s.list {
		if a.key == from {
			c = *a.object
		}
	}
	s.make(to, &c, func() error { return s.bucket.Copy(context.Background(), to, from, nil) })
}

func (s *session) remove(key string) {
	s.make(key, nil, func() error {
		err := s.bucket.Delete(context.Background(), key)
		if gcerrors.Code(err) != gcerrors.NotFound && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (s *session) upload(key string, size int) {
	data, c := body(s.rng, size)
	c.createOnly = true
	s.make(key, c, func() error {
		signed, err := s.signer.SignUpload(context.Background(), key, blobstore.UploadPolicy{
			ContentType: c.contentType, Size: int64(size), SHA256: c.sha256, CreateOnly: true, Metadata: c.metadata,
		})
		if err != nil {
			return err
		}
		req := httptest.NewRequest(signed.Method, signed.URL, bytes.NewReader(data))
		for name, value := range signed.Headers {
			req.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		s.door.ServeHTTP(answer, req)
		switch answer.Code {
		case http.StatusOK:
			return nil
		case http.StatusPreconditionFailed, http.StatusConflict: // the object exists, or is being written
			return errRefused
		}
		return fmt.Errorf("answered %d: %s", answer.Code, answer.Body)
	})
}

// record runs a scenario.
func record(t testing.TB, sc scenario, seed uint64, skip func(sync, before step) bool) *actions {
	t.Helper()
	return recordWith(t, sc, seed, skip, func(*bucket, *trace) {})
}

// recordWith runs a scenario on a bucket after prepare.
func recordWith(t testing.TB, sc scenario, seed uint64, skip func(sync, before step) bool, prepare func(*bucket, *trace)) *actions {
	t.Helper()
	root := t.TempDir()
	r := &trace{root: root, skip: skip}
	b, err := openOn(r, filepath.Join(root, "data", "bucket"), &Options{CreateDir: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	prepare(b, r)
	base, err := url.Parse("http://127.0.0.1/objects")
	require.NoError(t, err)
	signer, err := signedurl.NewSigner(base, bytes.Repeat([]byte{7}, 32), nil)
	require.NoError(t, err)
	bucket := blob.NewBucket(b)
	door, err := signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	s := &session{
		actions: &actions{trace: r}, t: t, bucket: bucket, rng: rand.New(rand.NewPCG(seed, 1)), signer: signer,
		door: door,
	}
	sc.run(s)
	require.NoError(t, bucket.Close())
	require.NoError(t, errors.Join(s.odd...))
	return s.actions
}

// unsynced is a file system whose syncs do nothing, for tests without power loss.
type unsynced struct{ osFS }

func (unsynced) SyncFolder(string) error { return nil }

func (unsynced) CreateTemp(folder, owner string) (file, error) {
	f, err := osFS{}.CreateTemp(folder, owner)
	return unsyncedFile{f}, err
}

func (unsynced) Create(name string) (file, error) {
	f, err := osFS{}.Create(name)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ file }

func (unsyncedFile) Sync() error { return nil }

// powerLoss simulates a power loss after some steps of a trace and a restart, and returns
// an error for a broken promise.
func powerLoss(dir string, a *actions, model diskModel, l luck, cut int, rng *rand.Rand) error {
	defer os.RemoveAll(dir)
	if err := lose(model, a.trace.steps[:cut], rng).write(dir, l, rng); err != nil {
		return err
	}
	b, err := openOn(unsynced{}, filepath.Join(dir, "data", "bucket"), &Options{CreateDir: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	bucket := blob.NewBucket(b)
	defer bucket.Close()
	ctx := context.Background()
	bare := map[string]bool{}
	for _, key := range a.keys() {
		lax, err := a.checkKey(ctx, bucket, key, cut, model)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		bare[key] = lax
	}
	if err := collected(ctx, b, a.keys(), bare); err != nil {
		return err
	}
	for _, key := range a.keys() { // create-only must agree about what exists
		exists, err := bucket.Exists(ctx, key)
		if err != nil {
			return err
		}
		err = bucket.WriteAll(ctx, key, []byte("after the power loss"), createOnly())
		if exists != (gcerrors.Code(err) == gcerrors.FailedPrecondition) || !exists && err != nil {
			return fmt.Errorf("%s: exists is %v, but create-only returned: %w", key, exists, err)
		}
	}
	return nil
}

// checkKey checks the content of a key against what is allowed. lax reports that the
// content's attributes were lost, which posixModel allows if the write was not acknowledged.
func (a *actions) checkKey(ctx context.Context, bucket *blob.Bucket, key string, cut int, model diskModel) (lax bool, err error) {
	may, none := a.allowed(key, cut)
	attrs, err := bucket.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		if !none {
			return false, errors.New("an acknowledged write is lost")
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	data, err := bucket.ReadAll(ctx, key)
	if err != nil {
		return false, err
	}
	for _, x := range may {
		switch ok, bare := x.object.check(data, attrs); {
		case ok:
			return x.object.metadata == nil, nil // a plain write has no attributes
		case bare && model == posixModel && !x.answered(cut):
			return true, nil
		}
	}
	return false, fmt.Errorf("unexpected content: %d bytes of type %s; %d writes are allowed, none: %v",
		len(data), attrs.ContentType, len(may), none)
}

// collected lets a day pass, and checks that only objects and their attributes are left.
func collected(ctx context.Context, b *bucket, keys []string, bare map[string]bool) error {
	b.tidyAll(ctx, time.Now().Add(2*stale))
	own := map[string]bool{}
	for _, key := range keys {
		name, err := b.name(key)
		if err != nil {
			return err
		}
		if info, err := os.Lstat(name); err == nil {
			own[name], own[attributesName(name, info.ModTime())] = true, true
		}
		if bare[key] { // attributes of an earlier write may remain
			folder, base := filepath.Split(name)
			others, _ := filepath.Glob(folder + "." + base + "@*")
			for _, o := range others {
				own[o] = true
			}
		}
	}
	return filepath.WalkDir(b.dir, func(name string, d fs.DirEntry, err error) error {
		if name == b.locks() {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && !own[name] {
			return fmt.Errorf("left over: %s", strings.TrimPrefix(name, b.dir))
		}
		return err
	})
}
