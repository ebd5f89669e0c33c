package notify_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
)

// The format is stable, because processes of other versions read it.
func TestEncode(t *testing.T) {
	for name, c := range map[string]struct {
		object notify.ObjectCreated
		want   string
	}{
		"all": {notify.ObjectCreated{Bucket: "b", Key: "k", Size: 7, ETag: "e", Version: "v", Time: second.In(time.FixedZone("x", 3600))},
			`{"type":"fhirdock.object_created.v1","bucket":"b","key":"k","size":7,"etag":"e","version":"v","time":"2030-01-02T03:04:05.000000Z"}`},
		"empty object": {notify.ObjectCreated{Key: "k", Size: 0}, `{"type":"fhirdock.object_created.v1","key":"k","size":0}`},
		"only a key":   {notify.ObjectCreated{Key: "k", Size: -1}, `{"type":"fhirdock.object_created.v1","key":"k"}`},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := c.object.Encode()
			require.NoError(t, err)
			require.Equal(t, c.want, string(body))
			batch, err := notify.Decode(body, nil)
			require.NoError(t, err)
			want := c.object
			want.Time = want.Time.UTC()
			require.Equal(t, notify.Batch{Created: []notify.ObjectCreated{want}}, batch)
		})
	}
	_, err := notify.ObjectCreated{Key: "k", Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}.Encode()
	require.Error(t, err)
}
