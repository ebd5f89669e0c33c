package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var at = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

const lease = 30 * time.Second

var held = Claim{JobID: NewID(), Owner: "w/1", Attempt: 2}

// in returns a plausible job in the given state.
func in(s State) *Job {
	j := &Job{
		ID: held.JobID, OrganizationID: "a", State: s, MaxAttempts: 3, Attempt: held.Attempt,
		CreatedAt: at, UpdatedAt: at, StartedAt: at, DueAt: at.Add(lease), Payload: Payload{Format: "ndjson"},
	}
	switch {
	case s == Processing:
		j.LeaseOwner = held.Owner
	case s == AwaitingUpload || s == Expired:
		j.Attempt, j.StartedAt = 0, time.Time{}
		j.Upload = &Upload{ExpiresAt: at.Add(time.Hour)}
		if s == Expired {
			j.FinishedAt = at
		}
	case s.Finished():
		j.DueAt, j.FinishedAt = time.Time{}, at
	}
	return j
}

// The design's table of states: which change is allowed from which states, and where it
// leads. All others return an error and change nothing.
func TestTransitions(t *testing.T) {
	later := at.Add(time.Minute) // the lease is over
	for name, c := range map[string]struct {
		change func(*Job) error
		to     map[State]State
		wrong  error // in any other state
	}{
		"arrive":     {func(j *Job) error { return j.Arrive(later, UploadedObject{Size: 7}) }, map[State]State{AwaitingUpload: Accepted, Expired: Accepted}, ErrState},
		"absent":     {func(j *Job) error { return j.Absent(later, later) }, map[State]State{AwaitingUpload: AwaitingUpload, Expired: Expired}, ErrState},
		"expire":     {func(j *Job) error { return j.Absent(at.Add(time.Hour), later) }, map[State]State{AwaitingUpload: Expired, Expired: Expired}, ErrState},
		"reject":     {func(j *Job) error { return j.Reject(later, Failure{}) }, map[State]State{AwaitingUpload: Failed, Expired: Failed}, ErrState},
		"postpone":   {func(j *Job) error { return j.Postpone(later, later) }, map[State]State{AwaitingUpload: AwaitingUpload, Expired: Expired, Accepted: Accepted}, ErrState},
		"take":       {func(j *Job) error { _, err := j.Take(later, "w/2", lease); return err }, map[State]State{Accepted: Processing, Processing: Processing}, ErrState},
		"extend":     {func(j *Job) error { return j.Extend(later, held, lease) }, map[State]State{Processing: Processing}, ErrLeaseLost},
		"checkpoint": {func(j *Job) error { return j.Checkpoint(later, held, Progress{Done: 1}, lease) }, map[State]State{Processing: Processing}, ErrLeaseLost},
		"complete":   {func(j *Job) error { return j.Complete(later, held) }, map[State]State{Processing: Completed}, ErrLeaseLost},
		"retry":      {func(j *Job) error { return j.Retry(later, held, Failure{}, later) }, map[State]State{Processing: Accepted}, ErrLeaseLost},
		"wait":       {func(j *Job) error { return j.Wait(later, held, Failure{}, later, time.Hour) }, map[State]State{Processing: Accepted}, ErrLeaseLost},
		"fail":       {func(j *Job) error { return j.Fail(later, held, Failure{}) }, map[State]State{Processing: Failed}, ErrLeaseLost},
		"release":    {func(j *Job) error { return j.Release(later, held) }, map[State]State{Processing: Accepted}, ErrLeaseLost},
		"rescue":     {func(j *Job) error { return j.Rescue(later, time.Time{}) }, map[State]State{Processing: Accepted}, ErrState},
		"cancel":     {func(j *Job) error { return j.Cancel(later) }, map[State]State{AwaitingUpload: Cancelled, Accepted: Cancelled, Processing: Cancelled, Failed: Cancelled}, ErrState},
		"cleared":    {func(j *Job) error { return j.Cleared(later) }, map[State]State{Cancelled: Cancelled}, ErrState},
		"redrive":    {func(j *Job) error { return j.Redrive(later) }, map[State]State{Failed: Accepted, Completed: Accepted}, ErrState},
	} {
		for _, from := range States() {
			t.Run(fmt.Sprintf("%s %s", name, from), func(t *testing.T) {
				j := in(from)
				before := j.Clone()
				err := c.change(j)
				to, allowed := c.to[from]
				if !allowed {
					require.ErrorIs(t, err, c.wrong)
					require.Equal(t, before, j, "a failed transition changes nothing")
					return
				}
				require.NoError(t, err)
				require.Equal(t, to, j.State)
				require.True(t, j.UpdatedAt.After(before.UpdatedAt), "updated")
				require.Equal(t, to != Processing, j.LeaseOwner == "", "only a job being processed has a lease")
				if !to.Finished() {
					require.False(t, j.DueAt.IsZero(), "an unfinished job has a due time")
					require.True(t, j.FinishedAt.IsZero())
				} else {
					require.False(t, j.FinishedAt.IsZero())
					clears := to == Cancelled && !j.StartedAt.IsZero() && from != Cancelled
					require.Equal(t, clears || to == Expired, !j.DueAt.IsZero(), "only unfinished jobs and those to be cleaned up or looked for have a due time")
				}
			})
		}
	}
}

func TestCancelledJobIsCleanedUp(t *testing.T) {
	j := in(Processing)
	require.NoError(t, j.Cancel(at))
	require.Equal(t, at.Add(lease), j.NotBefore, "not before its worker's lease is over")
	require.Equal(t, at.Add(lease+Overdue), j.DueAt)
	require.False(t, j.Ready(at.Add(lease-1)))
	require.True(t, j.Ready(at.Add(lease)))
	require.ErrorIs(t, j.Clear(at.Add(lease-1), lease), ErrNotDue)
	require.NoError(t, j.Clear(at.Add(lease), lease))
	require.ErrorIs(t, j.Clear(at.Add(lease), lease), ErrNotDue, "another worker has claimed the clean-up")
	require.NoError(t, j.Postpone(at, at.Add(2*lease)))
	require.Equal(t, at.Add(2*lease), j.DueAt)
	require.NoError(t, j.Cleared(at.Add(lease)))
	require.True(t, j.DueAt.IsZero())
	require.False(t, j.Ready(at.Add(time.Hour)))
	require.ErrorIs(t, j.Postpone(at, at), ErrState, "it needs no clean-up")
	require.ErrorIs(t, j.Clear(at.Add(time.Hour), lease), ErrState)

	j = in(Accepted)
	require.NoError(t, j.Cancel(at))
	require.Equal(t, at, j.NotBefore, "now: a failed attempt may have left partial output")
	require.NoError(t, j.Clear(at, lease))
	j = in(Accepted)
	j.StartedAt = time.Time{}
	require.NoError(t, j.Cancel(at))
	require.True(t, j.DueAt.IsZero(), "it was never begun")
}

func TestTakeIsFenced(t *testing.T) {
	j := in(Accepted)
	j.NotBefore = at.Add(time.Second)
	_, err := j.Take(at, "w/2", lease)
	require.ErrorIs(t, err, ErrNotDue, "before the end of the back-off")
	claim, err := j.Take(at.Add(time.Second), "w/2", lease)
	require.NoError(t, err)
	require.Equal(t, &Claim{JobID: j.ID, Owner: "w/2", Attempt: 3}, claim)
	require.Equal(t, at.Add(time.Second+lease), j.DueAt)

	_, err = j.Take(at.Add(lease), "w/3", lease)
	require.ErrorIs(t, err, ErrNotDue, "while the lease lasts")
	j.MaxAttempts = 4
	_, err = j.Take(at.Add(time.Hour), "w/3", lease)
	require.NoError(t, err)
	for name, change := range map[string]func() error{
		"extend":     func() error { return j.Extend(at, *claim, lease) },
		"checkpoint": func() error { return j.Checkpoint(at, *claim, Progress{}, lease) },
		"complete":   func() error { return j.Complete(at, *claim) },
		"retry":      func() error { return j.Retry(at, *claim, Failure{}, at) },
		"fail":       func() error { return j.Fail(at, *claim, Failure{}) },
		"release":    func() error { return j.Release(at, *claim) },
	} {
		require.ErrorIs(t, change(), ErrLeaseLost, name)
	}

	claim, err = j.Take(at.Add(2*time.Hour), "w/4", lease)
	require.NoError(t, err)
	require.Nil(t, claim, "the attempts are used up")
	require.Equal(t, Failed, j.State)
	require.Equal(t, CodeAttempts, j.Failure.Code)
}

// Attempts that make progress don't count against MaxAttempts. Repeating earlier work is not
// progress.
func TestAttemptsInVain(t *testing.T) {
	j := in(Processing)
	j.Attempt, j.MaxAttempts = 1, 3
	now := at
	claim := &Claim{JobID: j.ID, Owner: j.LeaseOwner, Attempt: 1}
	die := func() {
		now = now.Add(time.Hour)
		require.NoError(t, j.Rescue(now, time.Time{}))
		if j.State == Accepted {
			var err error
			claim, err = j.Take(now, "w", lease)
			require.NoError(t, err)
		}
	}
	for n := range int64(10) {
		require.NoError(t, j.Checkpoint(now, *claim, Progress{Offset: n + 1}, lease))
		require.Zero(t, j.InVain())
		die()
	}
	require.Equal(t, 11, j.Attempt)
	require.Equal(t, Furthest{Offset: 10, Attempt: 10}, j.Furthest)
	// It starts over, and comes no further than before.
	require.NoError(t, j.StartOver(now, *claim, Failure{}, now))
	claim, err := j.Take(now, "w", lease)
	require.NoError(t, err)
	require.NoError(t, j.Checkpoint(now, *claim, Progress{Offset: 10}, lease))
	die()
	require.NoError(t, j.Checkpoint(now, *claim, Progress{Offset: 10}, lease))
	require.Equal(t, 3, j.InVain())
	die()
	require.Equal(t, Failed, j.State)
	require.Equal(t, CodeAttempts, j.Failure.Code)

	require.NoError(t, j.Redrive(now))
	require.Equal(t, Furthest{Offset: 10}, j.Furthest, "a failed job goes on, with all attempts again")
	require.Zero(t, j.InVain())
	claim, err = j.Take(now, "w", lease)
	require.NoError(t, err)
	require.NoError(t, j.Complete(now, *claim))
	require.NoError(t, j.Redrive(now))
	require.Zero(t, j.Furthest, "a completed job starts a new run")
}

func TestReleasedAttemptIsFenced(t *testing.T) {
	j := in(Processing)
	require.NoError(t, j.Release(at, held))
	require.Equal(t, held.Attempt-1, j.Attempt)
	again, err := j.Take(at, "w/9", lease)
	require.NoError(t, err)
	require.Equal(t, held.Attempt, again.Attempt)
	require.ErrorIs(t, j.Complete(at, held), ErrLeaseLost, "the old claim has the same attempt but another owner")
}

func TestLastAttempts(t *testing.T) {
	last := held
	last.Attempt = 3
	processing := func() *Job { j := in(Processing); j.Attempt = 3; return j }
	j := processing()
	require.NoError(t, j.Retry(at, last, Failure{Code: "x", At: at}, at))
	require.Equal(t, Failed, j.State)
	require.Equal(t, "x", j.Failure.Code)
	j = processing()
	require.NoError(t, j.Rescue(at.Add(time.Hour), time.Time{}))
	require.Equal(t, Failed, j.State)
	require.ErrorIs(t, in(Processing).Rescue(at, time.Time{}), ErrNotDue, "while the lease lasts")
}

func TestProgressNeverGoesBack(t *testing.T) {
	p := Progress{5, 5, 5, 5, 5, 5, 5}
	for i := range 7 {
		worse := p
		*[]*int64{&worse.Done, &worse.Rejected, &worse.Offset, &worse.Entries, &worse.Lines, &worse.Listed, &worse.ListedBytes}[i]--
		j := in(Processing)
		require.NoError(t, j.Checkpoint(at, held, p, lease))
		require.Error(t, j.Checkpoint(at, held, worse, lease))
		require.Equal(t, p, j.Progress)
	}
}

func TestWaitDoesNotCountTheAttempt(t *testing.T) {
	const most = 24 * time.Hour
	again := func(j *Job, now time.Time) Claim {
		claim, err := j.Take(now, "w/2", lease)
		require.NoError(t, err)
		return *claim
	}
	j := in(Processing)
	why := Failure{Code: "waiting", At: at}
	require.NoError(t, j.Wait(at, held, why, at.Add(time.Hour), most))
	require.Equal(t, held.Attempt-1, j.Attempt, "the attempt does not count")
	require.Equal(t, at.Add(time.Hour+Overdue), j.DueAt)
	require.Equal(t, at.Add(time.Hour), j.NotBefore)
	require.Equal(t, at, j.WaitingSince)
	require.Equal(t, &why, j.Failure)
	_, err := j.Take(at.Add(time.Hour-1), "w/2", lease)
	require.ErrorIs(t, err, ErrNotDue)

	// A later time is cut to the limit: one more attempt then, and the next Wait fails.
	c := again(j, at.Add(time.Hour))
	require.NoError(t, j.Wait(at.Add(2*time.Hour), c, why, at.Add(48*time.Hour), most))
	require.Equal(t, at.Add(most), j.NotBefore)
	require.Equal(t, at, j.WaitingSince)
	c = again(j, at.Add(most))
	require.NoError(t, j.Wait(at.Add(most), c, why, at.Add(48*time.Hour), most))
	require.Equal(t, Failed, j.State)
	require.Equal(t, CodeWaited, j.Failure.Code)
	require.NoError(t, j.Redrive(at.Add(most)))
	c = again(j, at.Add(most))
	require.NoError(t, j.Wait(at.Add(most), c, why, at.Add(most+time.Hour), most))
	require.Equal(t, Accepted, j.State, "a redrive resets the limit")

	// Progress and a failed attempt reset the time.
	for name, change := range map[string]func(Claim) error{
		"checkpoint": func(c Claim) error { return j.Checkpoint(at.Add(most), c, Progress{Done: 1, Offset: 1}, lease) },
		"retry":      func(c Claim) error { return j.Retry(at.Add(most), c, Failure{}, at.Add(most)) },
	} {
		*j = *in(Processing)
		j.WaitingSince = at
		require.NoError(t, j.Extend(at, held, lease))
		require.Equal(t, at, j.WaitingSince, "extending the lease is not progress")
		require.NoError(t, change(held))
		require.True(t, j.WaitingSince.IsZero(), name)
	}
}

func TestRedriveResumesOrRestarts(t *testing.T) {
	failed := in(Failed)
	failed.Progress, failed.Failure = Progress{Done: 5}, &Failure{}
	require.NoError(t, failed.Redrive(at))
	require.EqualValues(t, 5, failed.Progress.Done, "a failed job resumes")
	require.Zero(t, failed.Run)
	require.Zero(t, failed.Attempt)
	require.Nil(t, failed.Failure)

	completed := in(Completed)
	completed.Progress, completed.Outputs = Progress{Done: 5}, []Output{{}}
	completed.ResourceCounts = map[string]int64{"Patient": 5}
	require.NoError(t, completed.Redrive(at))
	require.Zero(t, completed.Progress, "a completed job restarts")
	require.Equal(t, 1, completed.Run)
	require.Empty(t, completed.Outputs)
	require.Empty(t, completed.ResourceCounts, "its lines are counted again")

	nothing := in(Failed)
	nothing.Progress, nothing.Failure = Progress{Rejected: 5}, &Failure{Restart: true}
	require.NoError(t, nothing.Redrive(at))
	require.Zero(t, nothing.Progress, "a job without an accepted resource restarts")
	require.Equal(t, 1, nothing.Run)

	rejected := in(AwaitingUpload)
	require.NoError(t, rejected.Reject(at, Failure{}))
	require.ErrorIs(t, rejected.Redrive(at), ErrState, "its upload was never accepted")
}

func TestArrivePinsWhatWasFound(t *testing.T) {
	j := in(AwaitingUpload)
	require.NoError(t, j.Arrive(at, UploadedObject{7, "aa", "t", "e", "v"}))
	require.Equal(t, Payload{Size: 7, SHA256: "aa", ContentType: "t", ContentEncoding: "e", Version: "v", Format: "ndjson"}, j.Payload)
}

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		require.True(t, ValidID(id))
		require.False(t, seen[id])
		seen[id] = true
	}
	require.Equal(t, DerivedID("a", "b"), DerivedID("a", "b"))
	ids := []string{DerivedID("a", "b"), DerivedID("ab", ""), DerivedID("", "ab"), DerivedID("ab"), DerivedID("b", "a"), DerivedID()}
	for i, id := range ids {
		require.True(t, ValidID(id))
		require.Equal(t, byte('8'), id[14], "version 8")
		require.False(t, slices.Contains(ids[:i], id))
	}
	for _, bad := range []string{"", "x", strings.ToUpper(ids[0]), ids[0] + "0", ids[0][:35], strings.Replace(ids[0], "-", "0", 1), "../" + ids[0][3:]} {
		require.False(t, ValidID(bad), bad)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{at, NewID()}.String())
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		if c.String() != s {
			t.Fatal("a parsed cursor is encoded differently")
		}
	})
}

func TestStartOver(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, last := range []bool{false, true} {
		j := &Job{ID: "a", State: Processing, Attempt: 1, MaxAttempts: 2, LeaseOwner: "w", Run: 3,
			Payload: Payload{Format: "ndjson"}, ResourceCounts: map[string]int64{"Patient": 2},
			Progress: Progress{Done: 2, Rejected: 1, Offset: 10, Entries: 3, Lines: 3}}
		if last {
			j.MaxAttempts = 1
		}
		c := Claim{JobID: "a", Owner: "w", Attempt: 1}
		require.ErrorIs(t, j.StartOver(now, Claim{JobID: "a", Owner: "x", Attempt: 1}, Failure{}, now), ErrLeaseLost)
		require.NoError(t, j.StartOver(now, c, Failure{Code: "parts-lost"}, now.Add(time.Second)))
		require.Equal(t, Progress{}, j.Progress)
		require.Nil(t, j.ResourceCounts)
		require.Equal(t, 3, j.Run, "the keys of the batches stay the same")
		require.Equal(t, "parts-lost", j.Failure.Code)
		if last {
			require.Equal(t, Failed, j.State)
		} else {
			require.Equal(t, Accepted, j.State)
			require.Equal(t, now.Add(time.Second), j.NotBefore)
		}
	}
}

// A job that was recorded with a clock ahead waits as long as intended.
func TestRedate(t *testing.T) {
	now := at.Add(-time.Hour)
	j := in(Processing)
	require.NoError(t, j.Wait(at, held, Failure{}, at.Add(20*time.Second), time.Minute))
	require.ErrorIs(t, j.Redate(at), ErrNotDue, "its clock was not ahead")
	require.NoError(t, j.Redate(now))
	require.Equal(t, now.Add(20*time.Second), j.NotBefore)
	require.Equal(t, now.Add(20*time.Second+Overdue), j.DueAt)
	require.Equal(t, now, j.WaitingSince)
	require.Equal(t, now, j.UpdatedAt)
	require.ErrorIs(t, j.Redate(now), ErrNotDue, "only once")

	j = in(Accepted)
	j.NotBefore = time.Time{}
	require.NoError(t, j.Redate(now))
	require.True(t, j.Ready(now), "it stays ready")

	j = in(AwaitingUpload)
	require.NoError(t, j.Redate(now))
	require.Equal(t, now.Add(lease), j.DueAt)
	require.Equal(t, at.Add(time.Hour), j.Upload.ExpiresAt, "the URL's expiry does not move")

	j = in(Cancelled)
	j.Source = PresignedUpload
	require.NoError(t, j.RemovePayload(at))
	require.NoError(t, j.Bury(at, at.Add(2*time.Hour)))
	require.ErrorIs(t, j.Redate(now), ErrState)
	require.Equal(t, at.Add(2*time.Hour), j.DueAt)
	for _, s := range []State{Processing, Completed, Failed, Cancelled} {
		require.ErrorIs(t, in(s).Redate(now), ErrState, s)
	}
}
