package jobs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// After RemovePayload the job can't be redriven and no upload is accepted.
func TestRemovePayload(t *testing.T) {
	for _, state := range States() {
		job := &Job{ID: NewID(), State: state, StartedAt: at}
		err := job.RemovePayload(at.Add(time.Hour))
		if !state.Finished() {
			require.ErrorIs(t, err, ErrState, state)
			require.Zero(t, job.Payload.RemovedAt)
			continue
		}
		require.NoError(t, err, state)
		require.NoError(t, job.RemovePayload(at.Add(2*time.Hour)), "it may be called again")
		require.Equal(t, at.Add(time.Hour), job.Payload.RemovedAt)
		require.ErrorIs(t, job.Redrive(at), ErrState)
		require.ErrorIs(t, job.Arrive(at, UploadedObject{}), ErrState)
		require.ErrorIs(t, job.Reject(at, Failure{}), ErrState)
		require.Equal(t, state, job.State)
	}
}

// A worker that cleans up a cancelled job while it is being erased must not clear the due
// time of its tombstone.
func TestTombstoneStaysDue(t *testing.T) {
	j := in(Accepted)
	j.Source = PresignedUpload
	require.NoError(t, j.Cancel(at))
	require.NoError(t, j.Clear(at, lease))
	require.NoError(t, j.RemovePayload(at.Add(lease)))
	require.NoError(t, j.Bury(at.Add(lease), at.Add(time.Hour)))
	require.ErrorIs(t, j.Cleared(at.Add(lease)), ErrState)
	require.Equal(t, at.Add(time.Hour), j.DueAt)
}
