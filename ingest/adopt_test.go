package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

const dropped = "drop/test-org/dump.ndjson"

// adopting returns a pipeline that adopts objects below drop/.
func adopting(t *testing.T, change func(*ingesttest.Options)) *ingesttest.Pipeline {
	t.Helper()
	o := &ingesttest.Options{Service: ingest.Options{Adopt: &ingest.Adoption{Prefix: "drop", ListEvery: time.Nanosecond}}}
	if change != nil {
		change(o)
	}
	return ingesttest.NewWithOptions(t, o)
}

// put writes an object as a copying tool does.
func put(t *testing.T, p *ingesttest.Pipeline, key, contentType string, content []byte) {
	t.Helper()
	require.NoError(t, p.Bucket.WriteAll(t.Context(), key, content, &blob.WriterOptions{ContentType: contentType}))
}

func created(key string) notify.ObjectCreated {
	return notify.ObjectCreated{Bucket: "fhirdock", Key: key, Size: -1}
}

// adopted returns all jobs of an organization.
func adopted(t *testing.T, p *ingesttest.Pipeline, organization string) []*jobs.Job {
	t.Helper()
	page, err := p.Jobs.List(t.Context(), jobs.Query{OrganizationID: organization, Limit: jobs.MaxPage})
	require.NoError(t, err)
	return page.Jobs
}

func ignoredCodes(p *ingesttest.Pipeline) map[string]int {
	_, codes := counts(p, ingest.EventObjectIgnored)
	return codes
}

// An object below the prefix becomes one job, however often, late and concurrently it is
// notified.
func TestAdoptedOnce(t *testing.T) {
	p := adopting(t, nil)
	put(t, p, dropped, "binary/octet-stream", numbered(5))
	var all sync.WaitGroup
	for format := range 24 {
		all.Go(func() {
			msg := notification(t, format, dropped)
			if _, err := p.Service.Notification(context.Background(), msg.Body, msg.Metadata); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	there := adopted(t, p, ingesttest.Organization)
	require.Len(t, there, 1)
	job := p.Wait(t, there[0].ID)
	require.Equal(t, jobs.Completed, job.State)
	require.Equal(t, jobs.Adopted, job.Source)
	require.Equal(t, dropped, job.Payload.Key)
	require.EqualValues(t, 5, job.Progress.Done)
	require.Empty(t, job.UserID)

	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
	p.Advance(t, time.Minute)
	require.Len(t, adopted(t, p, ingesttest.Organization), 1)
	byJob, _ := counts(p, ingest.EventAccepted)
	require.Equal(t, map[string]int{job.ID: 1}, byJob)
	require.Len(t, p.Sink.Resources(), 5)
	require.Contains(t, string(p.Client.Job(t, job.ID).Body), `"source":"adopted"`)
}

// The content type decides the format of an object; without one its name does.
func TestAdoptedFormat(t *testing.T) {
	for name, c := range map[string]struct {
		key, contentType string
		content          []byte
		resources        int64
	}{
		"type of a Bundle":        {"drop/test-org/a", "application/fhir+json", []byte(small), 1},
		"type of NDJSON":          {"drop/test-org/a.txt", "application/x-ndjson", numbered(2), 2},
		"type before ending":      {"drop/test-org/a.ndjson", "application/json; charset=utf-8", []byte(small), 1},
		"ending of a Bundle":      {"drop/test-org/2030/a b.JSON", "application/octet-stream", []byte(small), 1},
		"ending of NDJSON":        {"drop/test-org/ä.ndjson", "", numbered(2), 2},
		"a type that is not FHIR": {"drop/test-org/a.ndjson", "text/plain", numbered(2), 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := adopting(t, nil)
			put(t, p, c.key, c.contentType, c.content)
			require.NoError(t, p.Service.ObjectCreated(t.Context(), created(c.key)))
			there := adopted(t, p, ingesttest.Organization)
			require.Len(t, there, 1)
			job := p.Wait(t, there[0].ID)
			require.Equal(t, jobs.Completed, job.State, "%+v", job.Failure)
			require.Equal(t, c.resources, job.Progress.Done)
		})
	}
}

// An object that would not be a valid upload becomes a failed job of its organization.
func TestAdoptedThatIsInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		key string
		w   blob.WriterOptions
	}{
		"type":     {"drop/test-org/a.csv", blob.WriterOptions{ContentType: "text/csv"}},
		"encoding": {dropped, blob.WriterOptions{ContentType: ndjson, ContentEncoding: "gzip"}},
		"version":  {dropped, blob.WriterOptions{ContentType: ndjson + "; fhirVersion=1.0"}},
		"size":     {"drop/test-org/large.ndjson", blob.WriterOptions{ContentType: ndjson}},
	} {
		t.Run(name, func(t *testing.T) {
			p := adopting(t, func(o *ingesttest.Options) { o.Service.MaxUploadBytes = 1 << 10 })
			content := patients(1)
			if name == "size" {
				content = patients(100)
			}
			require.NoError(t, p.Bucket.WriteAll(t.Context(), c.key, content, &c.w))
			for range 2 {
				require.NoError(t, p.Service.ObjectCreated(t.Context(), created(c.key)))
			}
			there := adopted(t, p, ingesttest.Organization)
			require.Len(t, there, 1)
			require.Equal(t, jobs.Failed, there[0].State)
			require.Equal(t, "upload-mismatch", there[0].Failure.Code)
			require.Empty(t, p.Sink.Resources())
			_, err := p.Service.Redrive(t.Context(), caller, there[0].ID)
			require.ErrorIs(t, err, ingest.ErrState)
			byJob, _ := counts(p, ingest.EventFinished)
			require.Equal(t, map[string]int{there[0].ID: 1}, byJob)
		})
	}
}

// fhirdock's own objects are never adopted, nor are objects without an organization.
func TestNeverAdopted(t *testing.T) {
	own := "2030/01/01/" + jobs.NewID()
	for name, c := range map[string]struct {
		key, code string
		metadata  map[string]string
	}{
		"job_id":           {dropped, "has_job", map[string]string{"job_id": jobs.NewID()}},
		"another job_id":   {dropped, "has_job", map[string]string{"job_id": "job-test-org-20300101-abc"}},
		"own key":          {"drop/test-org/" + own + ".json", "own_key", nil},
		"own key, NDJSON":  {"drop/test-org/" + own + ".ndjson", "own_key", nil},
		"own key, salted":  {"drop/test-org/" + own + "-0a1b2c3d.json", "own_key", nil},
		"own key, deeper":  {"drop/test-org/x/" + own + ".json", "own_key", nil},
		"no organization":  {"drop/dump.ndjson", "no_owner", nil},
		"bad organization": {"drop/..evil/dump.ndjson", "no_owner", nil},
		"odd organization": {"drop/a b/dump.ndjson", "no_owner", nil},
		"folder":           {"drop/test-org/", "folder", nil},
		"empty part":       {"drop/test-org//dump.ndjson", "bad_key", nil},
		"dots":             {"drop/test-org/../other-org/dump.ndjson", "bad_key", nil},
		"control":          {"drop/test-org/a\nb.ndjson", "bad_key", nil},
		"beside":           {"drops/test-org/dump.ndjson", "elsewhere", nil},
		"payload prefix":   {"incoming/fhir/test-org/dump.ndjson", "not_asked", nil},
		"output":           {"processed/test-org/x/Patient.ndjson", "elsewhere", nil},
		"outcomes":         {"outcomes/test-org/" + jobs.NewID() + ".ndjson", "elsewhere", nil},
		"staging":          {"staging/outcomes/test-org/x.ndjson", "elsewhere", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := adopting(t, nil)
			require.NoError(t, p.Bucket.WriteAll(t.Context(), c.key, patients(1), &blob.WriterOptions{ContentType: ndjson, Metadata: c.metadata}))
			require.NoError(t, p.Service.ObjectCreated(t.Context(), created(c.key)))
			require.Equal(t, map[string]int{c.code: 1}, ignoredCodes(p))
			p.Advance(t, time.Minute)
			p.Advance(t, time.Minute)
			for _, organization := range []string{ingesttest.Organization, ingesttest.OtherOrganization} {
				require.Empty(t, adopted(t, p, organization))
			}
			if c.code != "elsewhere" && c.code != "folder" {
				require.Contains(t, p.Logs(), c.code, "the operator sees why")
			}
			require.NotContains(t, p.Logs(), "dump", "a file may be named after a patient")
		})
	}
	t.Run("gone", func(t *testing.T) {
		p := adopting(t, nil)
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
		require.Equal(t, map[string]int{"gone": 1}, ignoredCodes(p))
	})
	t.Run("off", func(t *testing.T) {
		p := ingesttest.New(t)
		put(t, p, dropped, ndjson, patients(1))
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
		p.Advance(t, time.Minute)
		require.Empty(t, adopted(t, p, ingesttest.Organization))
	})
}

// Adopting a prefix that payloads were once written to leaves fhirdock's own objects
// alone: recorded, finished, pruned, or never recorded.
func TestAdoptingAnEarlierPrefix(t *testing.T) {
	bucket, store := memblob.OpenBucket(nil), jobs.NewMemStore()
	before := ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, Jobs: store})
	done := before.Client.Upload(t, ndjson, patients(2))
	before.Wait(t, done)
	hook, err := before.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	before.Wait(t, hook.Job.ID)
	keyed, err := before.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small), IdempotencyKey: "k"})
	require.NoError(t, err)
	before.Wait(t, keyed.Job.ID)
	waiting := before.Client.Ticket(t, ndjson)
	lost := ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, Jobs: noCreate{jobs.NewMemStore()}})
	_, err = lost.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.ErrorIs(t, err, ingest.ErrUnavailable, "the object exists without a job")

	for name, jobStore := range map[string]jobs.Store{"recorded": store, "pruned": jobs.NewMemStore()} {
		after := adopting(t, func(o *ingesttest.Options) {
			o.Bucket, o.Jobs = bucket, jobStore
			o.Service.Prefix, o.Service.Adopt.Prefix = "payloads", "incoming/fhir"
		})
		had := len(adopted(t, after, ingesttest.Organization))
		after.Advance(t, time.Second)
		it, objects := bucket.List(nil), 0
		for {
			o, err := it.Next(t.Context())
			if err != nil {
				break
			}
			objects++
			require.NoError(t, after.Service.ObjectCreated(t.Context(), created(o.Key)))
		}
		require.Equal(t, 4, objects)
		require.Len(t, adopted(t, after, ingesttest.Organization), had, name)
	}
	// A requested upload below the earlier prefix still belongs to its job.
	put(t, before, waiting.Key, ndjson, patients(1))
	after := adopting(t, func(o *ingesttest.Options) {
		o.Bucket, o.Jobs = bucket, store
		o.Service.Prefix, o.Service.Adopt.Prefix = "payloads", "incoming/fhir"
	})
	require.NoError(t, after.Service.ObjectCreated(t.Context(), created(waiting.Key)))
	require.Equal(t, jobs.Completed, after.Wait(t, waiting.UploadID).State)
}

type noCreate struct{ jobs.Store }

func (noCreate) Create(context.Context, *jobs.Job) error { return errors.New("away") }

// A webhook's payload may be notified before its job is recorded.
func TestNotificationOfAWebhook(t *testing.T) {
	var p *ingesttest.Pipeline
	store := &beforeCreate{Store: jobs.NewMemStore(), do: func(j *jobs.Job) {
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(j.Payload.Key)))
	}}
	p = adopting(t, func(o *ingesttest.Options) { o.Jobs = store })
	receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(receipt.Job.Payload.Key)))
	require.Equal(t, map[string]int{"webhook": 2}, ignoredCodes(p))
	require.Len(t, adopted(t, p, ingesttest.Organization), 1)
	require.NotContains(t, p.Logs(), "not_asked")
}

type beforeCreate struct {
	jobs.Store
	do func(*jobs.Job)
}

func (s *beforeCreate) Create(ctx context.Context, j *jobs.Job) error {
	s.do(j)
	return s.Store.Create(ctx, j)
}

// Another version of a key is another job; a version that was replaced is read as it was,
// or not at all.
func TestAdoptedVersions(t *testing.T) {
	p := adopting(t, func(o *ingesttest.Options) { o.NoWorker = true })
	put(t, p, dropped, ndjson, patients(1))
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
	first := adopted(t, p, ingesttest.Organization)[0]
	was, err := p.Bucket.Attributes(t.Context(), dropped)
	require.NoError(t, err)
	p.Clock.Advance(time.Second)
	put(t, p, dropped, ndjson, patients(3))
	for range 2 {
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
	}
	// The first version's notification, repeated and late.
	late := created(dropped)
	late.ETag = strings.Trim(was.ETag, `"`)
	require.NoError(t, p.Service.ObjectCreated(t.Context(), late))
	there := adopted(t, p, ingesttest.Organization)
	require.Len(t, there, 2)
	require.NotEqual(t, there[0].ID, there[1].ID)
	require.Empty(t, ignoredCodes(p))

	wake, _ := startWorker(t, p, p.Sink, nil)
	for _, job := range there {
		wake(job.ID)
		job = p.Wait(t, job.ID)
		if job.ID == first.ID {
			require.Equal(t, jobs.Failed, job.State)
			require.Equal(t, "payload-changed", job.Failure.Code)
		} else {
			require.Equal(t, jobs.Completed, job.State)
			require.EqualValues(t, 3, job.Progress.Done)
		}
	}
	require.Len(t, p.Sink.Resources(), 3)

	// A version that was replaced before anything saw it is counted.
	late.ETag = "of another version"
	require.NoError(t, p.Service.ObjectCreated(t.Context(), late))
	require.Equal(t, map[string]int{"replaced": 1}, ignoredCodes(p))
	require.Contains(t, p.Logs(), "replaced")
	require.Len(t, adopted(t, p, ingesttest.Organization), 2)
}

// If a back end does not answer, adoption is retried; objects that are too old are left alone.
func TestAdoptionIsTriedAgain(t *testing.T) {
	away := errors.New("away")
	for name, errs := range map[string][]error{"owner": {away, nil}} {
		t.Run(name, func(t *testing.T) {
			p := adopting(t, func(o *ingesttest.Options) {
				o.Service.Adopt.Owner = func(_ context.Context, object *blobstore.Object) (ingest.Caller, error) {
					err := errs[0]
					errs = errs[1:]
					return ingest.Caller{OrganizationID: "clinic", UserID: object.Metadata["by"]}, err
				}
			})
			require.NoError(t, p.Bucket.WriteAll(t.Context(), dropped, patients(1), &blob.WriterOptions{ContentType: ndjson, Metadata: map[string]string{"by": "alice"}}))
			require.ErrorIs(t, p.Service.ObjectCreated(t.Context(), created(dropped)), away)
			require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
			there := adopted(t, p, "clinic")
			require.Len(t, there, 1)
			require.Equal(t, "alice", there[0].UserID)
		})
	}
	t.Run("job store", func(t *testing.T) {
		store := &away2{Store: jobs.NewMemStore(), left: 2}
		p := adopting(t, func(o *ingesttest.Options) { o.Jobs = store })
		put(t, p, dropped, ndjson, patients(1))
		for range 2 {
			require.Error(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
		}
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
		require.Len(t, adopted(t, p, ingesttest.Organization), 1)
	})
	t.Run("too old", func(t *testing.T) {
		p := adopting(t, func(o *ingesttest.Options) { o.Service.Adopt.MaxAge = time.Nanosecond })
		put(t, p, dropped, ndjson, patients(1))
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
		require.Equal(t, map[string]int{"too_old": 1}, ignoredCodes(p))
		p.Advance(t, time.Minute)
		require.Empty(t, adopted(t, p, ingesttest.Organization))
	})
}

// away2 fails the first calls of Create, once before and once after creating the job.
type away2 struct {
	jobs.Store
	left int
}

func (s *away2) Create(ctx context.Context, j *jobs.Job) error {
	if s.left--; s.left == 1 {
		return errors.New("away")
	}
	err := s.Store.Create(ctx, j)
	if s.left == 0 {
		return errors.New("away, and it was done")
	}
	return err
}

// Prefixes that would adopt fhirdock's own objects are refused when the service is created.
func TestAdoptionChecksOptions(t *testing.T) {
	topic, sub, err := queue.NewLocal(nil)
	require.NoError(t, err)
	defer shutdown(t, topic, sub)
	for name, o := range map[string]ingest.Options{
		"none":             {Adopt: &ingest.Adoption{}},
		"no key":           {Adopt: &ingest.Adoption{Prefix: "/drop"}},
		"payloads":         {Adopt: &ingest.Adoption{Prefix: "incoming/fhir"}},
		"above payloads":   {Adopt: &ingest.Adoption{Prefix: "incoming"}},
		"below payloads":   {Adopt: &ingest.Adoption{Prefix: "incoming/fhir/drop"}},
		"given payloads":   {Prefix: "drop/in", Adopt: &ingest.Adoption{Prefix: "drop"}},
		"outcomes":         {Adopt: &ingest.Adoption{Prefix: "outcomes/x"}},
		"staging":          {Adopt: &ingest.Adoption{Prefix: "staging"}},
		"output":           {Adopt: &ingest.Adoption{Prefix: "processed"}},
		"given output":     {Adopt: &ingest.Adoption{Prefix: "drop", Reserved: []string{"drop/lake/"}}},
		"negative age":     {Adopt: &ingest.Adoption{Prefix: "drop", MaxAge: -1}},
		"negative listing": {Adopt: &ingest.Adoption{Prefix: "drop", ListEvery: -1}},
	} {
		_, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &o)
		require.ErrorContains(t, err, "Adoption", name)
	}
	for _, prefix := range []string{"incoming/fhirs", "incoming/other", "drop", "process"} {
		_, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()},
			&ingest.Options{NoUploads: true, Adopt: &ingest.Adoption{Prefix: prefix}})
		require.NoError(t, err, prefix)
	}
}

// An operator copies a file into the bucket, and it becomes a job.
func ExampleAdoption() {
	ctx := context.Background()
	bucket := memblob.OpenBucket(nil)
	topic, _, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	store := jobs.NewMemStore()
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
		NoUploads: true, Adopt: &ingest.Adoption{Prefix: "drop"},
	})
	if err != nil {
		panic(err)
	}
	// aws s3 cp dump.ndjson s3://…/drop/clinic/
	if err := bucket.WriteAll(ctx, "drop/clinic/dump.ndjson", []byte(`{"resourceType":"Patient"}`), nil); err != nil {
		panic(err)
	}
	// The store's notification, from a queue or over HTTP.
	if err := svc.ObjectCreated(ctx, notify.ObjectCreated{Key: "drop/clinic/dump.ndjson"}); err != nil {
		panic(err)
	}
	page, err := svc.Jobs(ctx, ingest.Caller{OrganizationID: "clinic"}, ingest.ListRequest{})
	if err != nil {
		panic(err)
	}
	for _, job := range page.Jobs {
		fmt.Println(job.Source, job.State, job.Payload.Format)
	}
	// Output: adopted accepted ndjson
}
