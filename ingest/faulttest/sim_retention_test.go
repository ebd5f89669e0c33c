package faulttest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// chooseRetention returns a seed's retention, short enough to end while clients and faults
// are still active; nil, and zero fields, for seeds that keep everything.
func chooseRetention(seed uint64) *ingest.Retention {
	rng := rand.New(rand.NewPCG(seed, 7))
	if rng.IntN(3) == 0 {
		return nil
	}
	// Longer than a process that lost its lease can still be active.
	some := func() time.Duration {
		if rng.IntN(3) == 0 {
			return 0
		}
		return 3*lease + time.Duration(rng.Int64N(int64(4*lease)))
	}
	r := &ingest.Retention{
		Completed: some(), Cancelled: some(), Expired: some(), Failed: some(), Payloads: some(), Staging: some(),
	}
	if r.Payloads > 0 && rng.IntN(2) == 0 {
		r.Outcomes = r.Payloads + time.Duration(rng.Int64N(int64(2*lease)))
	}
	return r
}

// kept returns how long the record of a job in a state is kept; zero means for ever.
func (w *world) kept(s jobs.State) time.Duration {
	if w.retention == nil {
		return 0
	}
	return map[jobs.State]time.Duration{
		jobs.Completed: w.retention.Completed, jobs.Failed: w.retention.Failed,
		jobs.Cancelled: w.retention.Cancelled, jobs.Expired: w.retention.Expired,
	}[s]
}

// apart is how far two clocks may differ.
const apart = lease / 2

// over reports whether the retention of something of a finished job has passed, by the
// clock that is furthest ahead.
func over(j *jobs.Job, keep time.Duration) bool {
	return keep > 0 && j.State.Finished() && !time.Now().Add(apart).Before(j.FinishedAt.Add(keep))
}

// removed is a deleted record.
type removed struct {
	job   *jobs.Job // as it was
	lives int       // how often the id was deleted
	again bool      // another job was created under the Idempotency-Key since
}

// created notes that a job was created whose record was deleted before.
func (w *world) created(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.removed[id]; r != nil {
		r.again = true
	}
}

// gone returns the deleted record of a job; nil if it was never deleted.
func (w *world) gone(id string) *removed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.removed[id]
}

// checkRemoved checks that a deleted record is not needed any more, and that nothing is left
// to which only it refers.
func (w *world) checkRemoved(j *jobs.Job, process string) {
	bad := func(format string, args ...any) {
		w.violation("%s deletes the record of job %s, which is %s: "+format, append([]any{process, j.ID, j.State}, args...)...)
	}
	w.mu.Lock()
	r := w.removed[j.ID]
	if r == nil {
		r = &removed{}
		w.removed[j.ID] = r
	}
	r.job, r.again = j, false
	r.lives++
	w.mu.Unlock()

	erased := w.erasing(j.OrganizationID)
	switch {
	case !j.State.Finished():
		bad("the job has not ended")
	case !erased && !over(j, w.kept(j.State)):
		bad("it ended at %s and is kept for %s", clock(j.FinishedAt), w.kept(j.State))
	case !erased && !j.DueAt.IsZero():
		bad("it is due at %s", clock(j.DueAt))
	case j.Payload.RemovedAt.IsZero():
		bad("its payload is not marked as removed")
	}
	for what, key := range map[string]string{"payload": j.Payload.Key, "outcomes file": outcomesKey(j)} {
		if w.exists(key) {
			bad("its %s is left", what)
		}
	}
	if left := w.staged(j); j.State == jobs.Failed && len(left) > 0 {
		bad("parts are left: %v", left)
	}
}

// checkPayloadRemoval checks a change that removes the payload of a finished job, or follows
// that. It returns false for other changes.
func (w *world) checkPayloadRemoval(old, now *jobs.Job, process string) bool {
	erased := w.erasing(old.OrganizationID)
	if now.Buried() && !old.Payload.RemovedAt.IsZero() {
		return erased
	}
	if now.State != old.State || !now.DueAt.Equal(old.DueAt) {
		return false
	}
	bad := func(format string, args ...any) {
		w.violation("%s marks the payload of job %s, which is %s, as removed: "+format, append([]any{process, old.ID, old.State}, args...)...)
	}
	keep := time.Duration(0)
	if w.retention != nil && (old.State == jobs.Completed || old.State == jobs.Cancelled) {
		keep = w.retention.Payloads
	}
	if !erased && !over(old, keep) && !over(old, w.kept(old.State)) {
		bad("it ended at %s, its record is kept for %s and its payload for %s", clock(old.FinishedAt), w.kept(old.State), keep)
	}
	if !now.FinishedAt.Equal(old.FinishedAt) || now.OutcomesKey != old.OutcomesKey || now.Progress != old.Progress {
		bad("the rest of the record changed")
	}
	return true
}

func outcomesKey(j *jobs.Job) string {
	return "outcomes/" + j.OrganizationID + "/" + j.ID + ".ndjson"
}

// staged returns the kept parts of a job.
func (w *world) staged(j *jobs.Job) (keys []string) {
	for _, area := range []string{"outcomes", "lake", "blocks"} {
		keys = append(keys, w.objects("staging/"+area+"/"+j.OrganizationID+"/"+j.ID)...)
	}
	return keys
}

func (w *world) exists(key string) bool {
	there, err := w.bucket.Exists(context.Background(), key)
	if err != nil {
		w.violation("look for %s: %v", key, err)
	}
	return there
}

// settleRetention waits until everything past its retention is removed.
func (w *world) settleRetention() {
	if w.retention == nil {
		return
	}
	r := w.retention
	longest := max(r.Completed, r.Failed, r.Cancelled, r.Expired, r.Payloads, r.Outcomes, r.Staging)
	time.Sleep(longest + longest/2 + time.Minute)
}

// checkRetention looks for data past its retention and for orphans.
func (w *world) checkRetention(job *jobs.Job) {
	if w.retention == nil {
		return
	}
	if over(job, w.kept(job.State)) {
		w.violation("the record of job %s, which is %s and ended at %s, is still there", job.ID, job.State, clock(job.FinishedAt))
	}
	removes := job.State == jobs.Completed || job.State == jobs.Cancelled
	switch there := w.exists(job.Payload.Key); {
	case removes && over(job, w.retention.Payloads) && there:
		w.violation("the payload of job %s, which is %s and ended at %s, is still there", job.ID, job.State, clock(job.FinishedAt))
	case removes && over(job, w.retention.Outcomes) && w.exists(outcomesKey(job)):
		w.violation("the outcomes of job %s, which is %s and ended at %s, are still there", job.ID, job.State, clock(job.FinishedAt))
	case over(job, w.retention.Staging) && len(w.staged(job)) > 0:
		w.violation("parts of job %s, which is %s and ended at %s, are still there", job.ID, job.State, clock(job.FinishedAt))
	}
}

// checkGone looks for leftovers of jobs whose record was deleted.
func (w *world) checkGone() {
	for id, r := range w.removed {
		if r.again {
			continue
		}
		for _, key := range []string{r.job.Payload.Key, outcomesKey(r.job)} {
			if w.exists(key) {
				w.violation("the record of job %s, which was %s, was deleted, but %s is left", id, r.job.State, key)
			}
		}
		if left := w.staged(r.job); w.retention != nil && w.retention.Staging > 0 && len(left) > 0 {
			w.violation("the record of job %s, which was %s, was deleted, but %v is left", id, r.job.State, left)
		}
	}
}

// checkOrphans checks that exactly the payloads without a job are listed as orphans.
func (w *world) checkOrphans(without map[string]bool) {
	operator := w.start("operator", false)
	defer operator.wait()
	req := ingest.OrphansRequest{MinAge: time.Minute, Limit: 3}
	for {
		page, err := operator.svc.Orphans(context.Background(), req)
		if err != nil {
			w.violation("orphans: %v", err)
			return
		}
		for _, o := range page.Found {
			if !without[o.Key] {
				w.violation("object %s is listed as an orphan", o.Key)
			}
			delete(without, o.Key)
		}
		if req.Cursor = page.Next; req.Cursor == "" {
			break
		}
	}
	for key := range without {
		w.violation("object %s has no job and is not listed as an orphan", key)
	}
}

// erase erases an organization, if the seed selects it, while workers and sweepers are
// active and faults happen, and notes whether Erase succeeded.
func (w *world) erase(p *process) {
	if w.erased == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	w.eraseBegan.Store(true)
	lake := p.handler().(*handler).lake
	done, err := p.svc.Erase(ctx, ingest.EraseRequest{OrganizationID: w.erased, Handler: lake})
	w.note(p.name, "erase %s: %d jobs, %v", w.erased, done.Jobs, err)
	if err == nil {
		w.checkErased("was just erased", true)
	} else if !w.chaos.Load() {
		w.violation("organization %s can't be erased: %v", w.erased, err)
	}
}

// erasing reports whether the seed erases an organization.
func (w *world) erasing(organization string) bool {
	return organization == w.erased && w.eraseBegan.Load()
}

// checkErased checks that nothing is left of an organization except, if allowed, the
// tombstones of its tickets.
func (w *world) checkErased(when string, tombstones bool) {
	page, err := w.store.inner.List(context.Background(), jobs.Query{OrganizationID: w.erased, Limit: jobs.MaxPage})
	if err != nil {
		w.violation("list: %v", err)
		return
	}
	for _, job := range page.Jobs {
		if !tombstones || !job.Buried() {
			w.violation("organization %s %s, but its job %s is left, in state %s", w.erased, when, job.ID, job.State)
		}
	}
	if tombstones {
		return // a stalled process may write until its lease ends
	}
	for _, prefix := range []string{"incoming/fhir/", "outcomes/", "processed/", "staging/lake/", "staging/outcomes/", "staging/blocks/"} {
		if left := w.objects(prefix + w.erased + "/"); len(left) > 0 {
			w.violation("organization %s %s, but %s is left", w.erased, when, fmt.Sprint(left))
		}
	}
}
