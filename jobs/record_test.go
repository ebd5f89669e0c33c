package jobs

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A record omits empty fields that most jobs don't use, but not the fields that SQL stores
// index, and survives a round trip.
func TestRecordOmitsEmptyFields(t *testing.T) {
	raw, err := json.Marshal(&Job{ID: "a"})
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(raw, &fields))
	const zero = "0001-01-01T00:00:00Z"
	require.Equal(t, zero, fields["StartedAt"])
	require.Equal(t, zero, fields["NotBefore"])
	require.NotContains(t, fields, "OutcomesKey")
	require.NotContains(t, fields["Progress"], "Listed")

	at := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, job := range []Job{
		{ID: "a"},
		{
			ID: "b", UserID: "u", Upload: &Upload{Size: 1}, Fingerprint: "f", Run: 1, DueAt: at, NotBefore: at, WaitingSince: at,
			LeaseOwner: "o", Failure: &Failure{Code: "c", At: at}, OutcomesKey: "k", Payload: Payload{ContentEncoding: "gzip"},
			Progress: Progress{Listed: 1, ListedBytes: 2}, StartedAt: at,
		},
	} {
		raw, err := json.Marshal(&job)
		require.NoError(t, err)
		var read Job
		require.NoError(t, json.Unmarshal(raw, &read))
		require.Equal(t, job, read)
	}
	// Earlier versions wrote the empty fields.
	var read Job
	require.NoError(t, json.Unmarshal([]byte(`{"ID":"a","UserID":"","Upload":null,"Run":0,"DueAt":"`+zero+`","Failure":null,"OutcomesKey":""}`), &read))
	require.Equal(t, Job{ID: "a"}, read)
}
