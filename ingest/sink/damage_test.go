package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

// Ways to damage a file. Its modification time is kept, so that only the content differs.
var damages = []struct {
	name string
	do   func(raw []byte, at int) []byte // nil removes the file
}{
	{"a byte flipped", func(raw []byte, at int) []byte { raw = slices.Clone(raw); raw[at] ^= 1; return raw }},
	{"a byte removed", func(raw []byte, at int) []byte { return slices.Delete(slices.Clone(raw), at, at+1) }},
	{"cut", func(raw []byte, at int) []byte { return raw[:at] }},
	{"gone", func([]byte, int) []byte { return nil }},
}

// target is the file to damage, below the bucket's folder, and the position in it.
type target struct {
	name   string
	folder string // contains the file
	match  func(base string) bool
	at     func(raw []byte) int
}

var errInduced = errors.New("induced")

func named(name string) func(string) bool {
	return func(base string) bool { return base == name }
}
func data(base string) bool       { return !strings.HasPrefix(base, ".") }
func attributes(base string) bool { return strings.HasPrefix(base, ".") && strings.Contains(base, "@") }
func middle(raw []byte) int       { return len(raw) / 2 }
func late(raw []byte) int         { return len(raw) - 20 }
func inIndex(raw []byte) int      { return bytes.IndexByte(raw, '\n') / 2 }

// inDigest returns a position in the digest in a payload's attributes.
func inDigest(raw []byte) int { return bytes.Index(raw, []byte(`"sha256":"`)) + 20 }

// damagedRun works on one job and damages one of its files meanwhile.
type damagedRun struct {
	*sink.Lake
	t      *testing.T
	dir    string
	target target
	damage func([]byte, int) []byte

	batch    int                       // strike before this batch, from 1
	fail     bool                      // fail the attempt there, and strike after it
	finished bool                      // strike after Finish
	call     func(faulttest.Call) bool // strike at a call of the bucket

	calls, finishes int
	done            bool
	due             bool
}

func (r *damagedRun) strike() {
	if r.done {
		return
	}
	r.done = true
	var found string
	_ = filepath.WalkDir(filepath.Join(r.dir, r.target.folder), func(name string, e fs.DirEntry, err error) error {
		if err == nil && found == "" && e.Type().IsRegular() && r.target.match(e.Name()) {
			found = name
		}
		return nil
	})
	require.NotEmpty(r.t, found, "no file to damage")
	info, err := os.Stat(found)
	require.NoError(r.t, err)
	raw, err := os.ReadFile(found)
	require.NoError(r.t, err)
	damaged := r.damage(raw, r.target.at(raw))
	if damaged == nil {
		require.NoError(r.t, os.Remove(found))
		return
	}
	require.NoError(r.t, os.WriteFile(found, damaged, 0o600))
	require.NoError(r.t, os.Chtimes(found, info.ModTime(), info.ModTime()))
}

// now strikes, or fails the attempt so that work strikes after it.
func (r *damagedRun) now() error {
	if !r.fail {
		r.strike()
		return nil
	}
	if r.due || r.done {
		return nil
	}
	r.due = true
	return errInduced
}

func (r *damagedRun) Handle(ctx context.Context, b *ingest.Batch) error {
	if r.calls++; r.calls == r.batch {
		if err := r.now(); err != nil {
			return err
		}
	}
	return r.Lake.Handle(ctx, b)
}

func (r *damagedRun) Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) {
	out, err := r.Lake.Finish(ctx, job)
	if r.finishes++; err == nil && r.finished && r.finishes == 1 {
		err = r.now()
	}
	return out, err
}

// payloadOf returns a payload of resources and one line that is not a resource.
func payloadOf(size int) sent {
	var b bytes.Buffer
	for i := 0; i < 12 || b.Len() < size; i++ {
		if i == 1 {
			b.WriteString("{\"resourceType\":\"Patient\"\n")
			continue
		}
		kind := []string{"Patient", "Observation"}[i%2]
		fmt.Fprintf(&b, "{\"resourceType\":%q,\"id\":\"r%08d\",\"text\":%q}\n", kind, i, strings.Repeat("x", size/12))
	}
	return sent{body: b.Bytes(), lines: b.Bytes(), rejected: 1}
}

// transaction returns a payload that is handed over whole.
func transaction() sent {
	s := sent{bundle: true}
	s.body = append(s.body, `{"resourceType":"Bundle","type":"transaction","entry":[`...)
	for i := range 6 {
		if i > 0 {
			s.body = append(s.body, ',')
		}
		line := fmt.Sprintf(`{"resourceType":"Patient","id":"r%08d"}`, i)
		s.body = fmt.Appendf(s.body, `{"resource":%s,"request":{"method":"POST","url":"Patient"}}`, line)
		s.lines = append(s.lines, line+"\n"...)
	}
	s.body = append(s.body, "]}"...)
	return s
}

// sent is a payload and the lines expected from it.
type sent struct {
	body, lines []byte
	bundle      bool
	rejected    int
}

func (s *sent) send(t *testing.T, p *ingesttest.Pipeline) string {
	if s.bundle {
		return p.Client.PostBundle(t, s.body).JobID
	}
	return p.Client.Upload(t, "application/fhir+ndjson", s.body)
}

// work makes attempts until the job ends, and strikes after an attempt that it failed.
func (r *damagedRun) work(p *ingesttest.Pipeline, id string) *jobs.Job {
	w, err := ingest.NewWorker(p.Service, r, &ingest.WorkerOptions{BatchResources: 3, BatchBytes: 64 << 20})
	require.NoError(r.t, err)
	for range 20 {
		require.NoError(r.t, w.Work(r.t.Context(), id))
		job, err := p.Jobs.Get(r.t.Context(), id)
		require.NoError(r.t, err)
		if job.State.Finished() {
			return job
		}
		if r.due {
			r.strike()
		}
		p.Clock.Advance(time.Hour)
	}
	r.t.Fatal("the job did not end")
	return nil
}

// run returns the outcome of a job.
func (r *damagedRun) run(s sent) string {
	t := r.t
	r.dir = t.TempDir()
	folder, err := dirblob.OpenBucket(r.dir, &dirblob.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer folder.Close()
	bucket := faulttest.Bucket(folder, func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if r.call != nil && r.call(c) && !r.done {
			if r.now() != nil {
				return faulttest.Before
			}
		}
		return faulttest.None
	})
	defer bucket.Close()
	r.Lake = newLake(t, bucket, nil)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, NoWorker: true})
	id := s.send(t, p)
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted })
	if r.batch == 0 && r.call == nil && !r.finished {
		r.strike()
	}
	job := r.work(p, id)
	require.True(t, r.done, "nothing was damaged")
	manifest, manifestErr := folder.Exists(t.Context(), "processed/"+job.OrganizationID+"/"+id+"/manifest.json")
	require.NoError(t, manifestErr)
	if job.State == jobs.Failed {
		require.False(t, manifest, "a failed job publishes nothing")
		return "failed: " + job.Failure.Code
	}
	require.Equal(t, jobs.Completed, job.State)
	requireFiles(t, folder, job, s.lines)
	said := requireOutcomes(t, folder, job, s.rejected)
	if job.Attempt > 1 && !r.fail || job.Attempt > 2 {
		return "completed, by one more attempt" + said
	}
	return "completed" + said
}

// requireFiles checks that the files contain what was sent.
func requireFiles(t *testing.T, bucket *blob.Bucket, job *jobs.Job, file []byte) {
	t.Helper()
	want := map[string][]string{}
	for line := range strings.Lines(string(file)) {
		var res struct{ ResourceType string }
		if json.Unmarshal([]byte(line), &res) == nil {
			want[res.ResourceType] = append(want[res.ResourceType], line)
		}
	}
	got := map[string][]string{}
	for _, out := range job.Outputs {
		raw, err := bucket.ReadAll(t.Context(), out.Key)
		require.NoError(t, err)
		got[out.Type] = slices.Collect(strings.Lines(string(raw)))
	}
	require.True(t, maps.EqualFunc(want, got, slices.Equal[[]string]), "the files differ from what was sent")
}

// requireOutcomes checks that the listed outcomes and the reported missing ones add up.
func requireOutcomes(t *testing.T, bucket *blob.Bucket, job *jobs.Job, rejected int) string {
	t.Helper()
	if rejected == 0 {
		require.Empty(t, job.OutcomesKey)
		return ""
	}
	raw, err := bucket.ReadAll(t.Context(), job.OutcomesKey)
	require.NoError(t, err)
	listed, missing := 0, 0
	for line := range bytes.Lines(raw) {
		var o ingest.Outcome
		require.NoError(t, json.Unmarshal(line, &o))
		if o.Issues[0].Code != ingest.CodeOutcomesLost {
			listed++
			continue
		}
		_, err := fmt.Sscanf(o.Issues[0].Message, "%d more", &missing)
		require.NoError(t, err)
	}
	require.Equal(t, rejected, listed+missing)
	if missing > 0 {
		return "; the outcomes say what is missing"
	}
	return ""
}

// Whatever is damaged and when, a completed job's output is what was sent. With -v it prints
// the outcomes.
func TestDamage(t *testing.T) {
	payload := target{"payload", "incoming", data, middle}
	outputs := func(c faulttest.Call) bool {
		return c.Kind == faulttest.BucketOpen && strings.HasSuffix(c.Key, "/Patient.ndjson")
	}
	manifests := func(c faulttest.Call) bool {
		return c.Kind == faulttest.BucketWrite && strings.HasSuffix(c.Key, "manifest.json")
	}
	small, large, whole := 0, 2*blobstore.BlockSize+1000, -1 // a transaction
	rows := []struct {
		when   string
		target target
		size   int
		run    damagedRun
	}{
		{"before", payload, small, damagedRun{}},
		{"during", payload, small, damagedRun{batch: 3}},
		{"between", payload, small, damagedRun{batch: 3, fail: true}},
		{"before", target{"transaction", "incoming", data, middle}, whole, damagedRun{}},
		{"during", target{"transaction", "incoming", data, middle}, whole, damagedRun{batch: 1}},
		{"between", target{"transaction", "incoming", data, middle}, whole, damagedRun{batch: 1, fail: true}},
		{"during", target{"transaction's output, before the manifest", "processed", named("Patient.ndjson"), middle}, whole, damagedRun{call: outputs}},
		{"between", target{"transaction's output, before the manifest", "processed", named("Patient.ndjson"), middle}, whole, damagedRun{call: manifests, fail: true}},
		{"between", target{"transaction's output, after the manifest", "processed", named("Patient.ndjson"), middle}, whole, damagedRun{finished: true, fail: true}},
		{"between", target{"transaction's manifest", "processed", named("manifest.json"), middle}, whole, damagedRun{finished: true, fail: true}},
		{"before", target{"payload of 3 blocks", "incoming", data, late}, large, damagedRun{}},
		{"during", target{"payload of 3 blocks, last one", "incoming", data, late}, large, damagedRun{batch: 2}},
		{"between", target{"payload of 3 blocks, last one", "incoming", data, late}, large, damagedRun{batch: 2, fail: true}},
		{"between", target{"payload of 3 blocks, one that is done", "incoming", data, func([]byte) int { return 100 }}, large, damagedRun{batch: 4, fail: true}},
		{"before", target{"attributes of the payload", "incoming", attributes, inDigest}, small, damagedRun{}},
		{"during", target{"attributes of the payload", "incoming", attributes, inDigest}, small, damagedRun{batch: 3}},
		{"between", target{"attributes of the payload", "incoming", attributes, inDigest}, small, damagedRun{batch: 3, fail: true}},
		{"before", target{"attributes, 3 blocks: a block's value", "incoming", attributes, func(raw []byte) int { return bytes.Index(raw, []byte(`"blocks"`)) + 20 }}, large, damagedRun{}},
		{"during", target{"part", "staging/lake", data, late}, small, damagedRun{batch: 3}},
		{"between", target{"part", "staging/lake", data, late}, small, damagedRun{batch: 3, fail: true}},
		{"during", target{"a part's index line", "staging/lake", data, inIndex}, small, damagedRun{batch: 3}},
		{"between", target{"a part's index line", "staging/lake", data, inIndex}, small, damagedRun{batch: 3, fail: true}},
		{"during", target{"part of the outcomes", "staging/outcomes", data, late}, small, damagedRun{batch: 3}},
		{"between", target{"part of the outcomes", "staging/outcomes", data, late}, small, damagedRun{batch: 3, fail: true}},
		{"during", target{"output, before the manifest", "processed", named("Patient.ndjson"), middle}, small, damagedRun{call: outputs}},
		{"between", target{"output, before the manifest", "processed", named("Patient.ndjson"), middle}, small, damagedRun{call: manifests, fail: true}},
		{"between", target{"output, after the manifest", "processed", named("Patient.ndjson"), middle}, small, damagedRun{finished: true, fail: true}},
		{"between", target{"manifest", "processed", named("manifest.json"), middle}, small, damagedRun{finished: true, fail: true}},
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "| what\t| when")
	for _, d := range damages {
		fmt.Fprintf(w, "\t| %s", d.name)
	}
	fmt.Fprintf(w, "\t|\n|---\t|---%s\t|\n", strings.Repeat("\t|---", len(damages)))
	for _, row := range rows {
		if testing.Short() && row.size == large {
			continue
		}
		payload := transaction()
		if row.size != whole {
			payload = payloadOf(row.size)
		}
		fmt.Fprintf(w, "| %s\t| %s", row.target.name, row.when)
		for _, d := range damages {
			result := "wrong"
			t.Run(row.target.name+" "+row.when+" "+d.name, func(t *testing.T) {
				r := row.run
				r.t, r.target, r.damage = t, row.target, d.do
				result = r.run(payload)
			})
			fmt.Fprintf(w, "\t| %s", result)
		}
		fmt.Fprint(w, "\t|\n")
	}
	require.NoError(t, w.Flush())
	t.Log("\n" + table.String())
}
