package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// checkEnd checks the final state after everything has settled.
func (w *world) checkEnd() {
	ctx := context.Background()
	known := map[string]bool{} // keys of payloads
	for id, p := range w.promises {
		if p.request.who.OrganizationID == w.erased {
			continue
		}
		job, err := w.store.inner.Get(ctx, id)
		gone := w.gone(id)
		if gone != nil && !gone.again {
			job = gone.job
		} else if err != nil {
			w.violation("job %s of request %d was acknowledged but is lost: %v", id, p.request.n, err)
			continue
		}
		if p.stored && job.Payload.RemovedAt.IsZero() && gone == nil {
			content, err := w.bucket.ReadAll(ctx, job.Payload.Key)
			if err != nil || !bytes.Equal(content, p.request.payload) {
				w.violation("payload of job %s was acknowledged but is missing: %v", id, err)
			}
		}
		w.checkJob(job, p)
	}
	w.checkGone()
	if w.erased != "" {
		w.checkErased("was erased", false)
	}
	for _, org := range []string{ledgerOrg, lakeOrg} {
		page, err := w.store.inner.List(ctx, jobs.Query{OrganizationID: org, Limit: jobs.MaxPage})
		if err != nil {
			w.violation("list: %v", err)
			continue
		}
		for _, job := range page.Jobs {
			known[job.Payload.Key] = true
			w.checkFinal(job)
			w.checkRetention(job)
		}
	}
	// An object without a job may be left if the result was unknown, or if it could not be
	// removed.
	without := map[string]bool{}
	for _, key := range w.objects("incoming/") {
		if known[key] {
			continue
		}
		without[key] = true
		if faulty := w.faultyRequest(key); !faulty {
			w.violation("object %s has no job, and no call failed", key)
		}
	}
	w.checkOrphans(without)
}

// faultyRequest reports whether an object without a job may belong to a request that met a
// fault.
func (w *world) faultyRequest(string) bool {
	for _, r := range w.requests {
		if r.faulty.Load() {
			return true
		}
	}
	return w.crashes > 0
}

func (w *world) objects(prefix string) (keys []string) {
	it := w.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(context.Background())
		if err == io.EOF {
			return keys
		}
		if err != nil {
			w.violation("list %s: %v", prefix, err)
			return keys
		}
		keys = append(keys, o.Key)
	}
}

// checkFinal checks a job, whether or not a client knows it.
func (w *world) checkFinal(job *jobs.Job) {
	if !job.State.Finished() {
		w.violation("job %s is %s at the end, attempt %d, failure %+v", job.ID, job.State, job.Attempt, job.Failure)
	}
	if job.State == jobs.Failed {
		switch job.Failure.Code {
		case "handler", "handler-panic", "processing", "payload-read", jobs.CodeAttempts:
		case ingest.CodeTransactionRejected, ingest.CodeNothingTaken: // see checkJob
		case "parts-lost":
			if job.Attempt < job.MaxAttempts { // what it kept was read wrongly by all of them
				w.violation("job %s failed with %s in attempt %d of %d", job.ID, job.Failure.Code, job.Attempt, job.MaxAttempts)
			}
		default: // the payload is valid
			w.violation("job %s failed with %s: %s", job.ID, job.Failure.Code, job.Failure.Message)
		}
	}
}

// checkJob checks a job that a client knows.
func (w *world) checkJob(job *jobs.Job, p *promise) {
	switch {
	case w.gone(job.ID) != nil && w.gone(job.ID).job != job: // another one under the same key
	case p.cancelled && job.State != jobs.Cancelled:
		w.violation("job %s was cancelled and is %s", job.ID, job.State)
	case p.stored && job.State == jobs.Expired:
		w.violation("job %s has its upload but is expired", job.ID)
	}
	// Every earlier run has completed.
	for run := range job.Run {
		w.checkEffects(job, p, run)
	}
	_, nothing := p.request.rejected()
	if job.State == jobs.Failed && job.Failure.Restart {
		if !nothing || (job.Failure.Code == ingest.CodeTransactionRejected) != (p.request.kind == "transaction") {
			w.violation("job %s failed with %s, although some of it is valid", job.ID, job.Failure.Code)
		}
		w.checkEffects(job, p, job.Run)
		if job.OutcomesKey != "" {
			w.checkOutcomes(job, p)
		}
		if job.Progress.Done != 0 || job.Progress.Rejected != int64(len(p.request.lines)) {
			w.violation("job %s failed with %+v; all %d should be rejected", job.ID, job.Progress, len(p.request.lines))
		}
		if files := w.objects("processed/" + job.OrganizationID + "/" + job.ID + "/"); len(files) > 0 {
			w.violation("job %s failed with nothing taken, but there are %v", job.ID, files)
		}
	}
	if job.State != jobs.Completed {
		return
	}
	if nothing {
		w.violation("job %s is completed, although nothing of it is valid", job.ID)
	}
	w.checkEffects(job, p, job.Run)
	var done, rejected int64
	counts := map[string]int64{}
	for i, l := range p.request.lines {
		if l.rejected {
			rejected++
		} else {
			done++
		}
		if !strings.HasPrefix(l.text, `{"resourceType":"Patient","id":"broken`) {
			counts[[]string{"Patient", "Observation"}[i%2]]++
		}
	}
	if job.Progress.Done != done || job.Progress.Rejected != rejected || job.Progress.Offset != int64(len(p.request.payload)) {
		w.violation("job %s is completed with %+v; expected %d done and %d rejected", job.ID, job.Progress, done, rejected)
	}
	for name, n := range counts {
		if job.ResourceCounts[name] != n {
			w.violation("job %s counts %v; expected %v", job.ID, job.ResourceCounts, counts)
			break
		}
	}
	w.checkOutcomes(job, p)
	if job.OrganizationID == lakeOrg {
		w.checkLake(job, p)
	}
}

func (w *world) checkEffects(job *jobs.Job, p *promise, run int) {
	if job.OrganizationID != ledgerOrg {
		return
	}
	_, nothing := p.request.rejected()
	for i, l := range p.request.lines {
		want := 1
		if l.rejected || nothing {
			want = 0
		}
		if got := w.ledger.count(job.ID, run, int64(i)); got != want {
			w.violation("resource %d of run %d of job %s has its effect %d times, not %d", i, run, job.ID, got, want)
		}
	}
}

func (w *world) checkOutcomes(job *jobs.Job, p *promise) {
	var want, got []string
	_, nothing := p.request.rejected()
	for i, l := range p.request.lines {
		if l.rejected || nothing {
			want = append(want, fmt.Sprint(i))
		}
	}
	if !job.Payload.RemovedAt.IsZero() && (w.gone(job.ID) != nil || over(job, w.retention.Outcomes)) {
		return
	}
	if job.OutcomesKey != "" {
		content, err := w.bucket.ReadAll(context.Background(), job.OutcomesKey)
		if err != nil {
			w.violation("outcomes of job %s: %v", job.ID, err)
			return
		}
		for _, raw := range strings.Split(strings.TrimSpace(string(content)), "\n") {
			var o ingest.Outcome
			if err := json.Unmarshal([]byte(raw), &o); err != nil {
				w.violation("outcomes of job %s: %v", job.ID, err)
				return
			}
			if o.Entry != nil {
				got = append(got, fmt.Sprint(*o.Entry))
			} else {
				got = append(got, fmt.Sprint(o.Line-1))
			}
		}
	}
	sort.Strings(want) // a batch lists broken lines before those that the handler rejected
	sort.Strings(got)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		w.violation("outcomes of job %s list %v; %v were rejected", job.ID, got, want)
	}
}

// checkLake checks that each line is there once, and that the files are of the last run.
func (w *world) checkLake(job *jobs.Job, p *promise) {
	var want, got []string
	for _, l := range p.request.lines {
		if !l.rejected {
			want = append(want, l.text)
		}
	}
	folder := "processed/" + job.OrganizationID + "/" + job.ID + "/"
	for _, key := range w.objects(folder) {
		content, err := w.bucket.ReadAll(context.Background(), key)
		if err != nil {
			w.violation("%s: %v", key, err)
			return
		}
		if strings.HasSuffix(key, "manifest.json") {
			var m struct{ Run int }
			if err := json.Unmarshal(content, &m); err != nil || m.Run != job.Run {
				w.violation("job %s is completed in run %d, but its manifest is of run %d", job.ID, job.Run, m.Run)
			}
			continue
		}
		got = append(got, strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")...)
	}
	sort.Strings(want)
	sort.Strings(got)
	if strings.Join(want, "\n") != strings.Join(got, "\n") {
		w.violation("the lake has %d lines of job %s: %v; not %d", len(got), job.ID, got, len(want))
	}
}

// tally sums up all seeds, so that a simulation in which nothing happens is noticed.
type tally struct {
	mu       sync.Mutex
	faults   map[faulttest.Fault]int
	states   map[jobs.State]int
	calls    int
	crashes  int
	stalls   int
	redriven int
	removed  map[jobs.State]int // records
	payloads int                // removed, with their record kept
	erased   int                // organizations
}

func (t *tally) add(w *world) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.faults == nil {
		t.faults, t.states, t.removed = map[faulttest.Fault]int{}, map[jobs.State]int{}, map[jobs.State]int{}
	}
	for f, n := range w.faults {
		t.faults[f] += n
		t.calls += n
	}
	t.crashes += w.crashes
	t.stalls += w.stalls
	for _, gone := range w.removed {
		t.removed[gone.job.State]++
	}
	if w.erased != "" {
		t.erased++
	}
	for id := range w.promises {
		if job, err := w.store.inner.Get(context.Background(), id); err == nil {
			t.states[job.State]++
			if !job.Payload.RemovedAt.IsZero() {
				t.payloads++
			}
			if job.Run > 0 {
				t.redriven++
			}
		}
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%d calls, faults %v, %d crashes, %d stalls, jobs %v, %d redriven, records removed %v, payloads removed %d, %d erasures", t.calls, t.faults, t.crashes, t.stalls, t.states, t.redriven, t.removed, t.payloads, t.erased)
}

func (t *tally) check(tt *testing.T) {
	tt.Helper()
	for f := faulttest.Before; f <= faulttest.Delay; f++ {
		if t.faults[f] == 0 {
			tt.Errorf("there was no %s", f)
		}
	}
	for _, s := range []jobs.State{jobs.Completed, jobs.Failed, jobs.Cancelled, jobs.Expired} {
		if t.states[s] == 0 {
			tt.Errorf("no job ended as %s", s)
		}
		if t.removed[s] == 0 {
			tt.Errorf("no record of a job in state %s was removed", s)
		}
	}
	if t.payloads == 0 || t.erased == 0 {
		tt.Errorf("payloads removed and organizations erased: %d, %d", t.payloads, t.erased)
	}
	if t.crashes == 0 || t.stalls == 0 || t.redriven == 0 {
		tt.Errorf("crashes, stalls and redrives: %d, %d, %d", t.crashes, t.stalls, t.redriven)
	}
}
