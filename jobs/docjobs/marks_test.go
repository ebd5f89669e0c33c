package docjobs

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

func TestMarks(t *testing.T) {
	var all []string
	marks := ""
	for range 3 * keptMarks {
		all = append(all, newMark())
		marks = addMark(marks, all[len(all)-1])
	}
	slices.Reverse(all)
	for ago, mark := range all {
		require.Equal(t, ago < keptMarks, hasMark(marks, mark, int64(ago)), "%d updates ago", ago)
		require.False(t, hasMark(marks, newMark(), int64(ago)))
		require.False(t, hasMark(marks, mark, int64(ago)+1))
	}
	require.False(t, hasMark(marks, all[0], -1))
	require.False(t, hasMark("", all[0], 0))
}

func TestPlacesSortByTime(t *testing.T) {
	times := []time.Time{{}, time.Unix(-1, 0), time.UnixMicro(-1), time.Unix(0, 0), time.UnixMicro(1), time.Now(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	last := ""
	for _, at := range times {
		place := placeOf(jobs.Cursor{CreatedAt: at, ID: jobs.NewID()})
		require.Greater(t, place, last)
		require.Less(t, place, lastPlace)
		last = place
		got, ok := createdAt(place)
		require.True(t, ok)
		require.True(t, got.Equal(at.Truncate(time.Microsecond)), "%v is not %v", got, at)
	}
}
