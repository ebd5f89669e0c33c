package gcpqueue

import (
	"context"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fhirdock/fhirdock/queue"
)

func TestURLs(t *testing.T) {
	t.Setenv(emulator, "127.0.0.1:1")
	for url, want := range map[string]string{
		"gcppubsub://projects/p/subscriptions/sub?max=s3cret":  `unknown parameter "max"; there are endpoint`,
		"gcppubsub://projects/p":                               "must be gcppubsub://projects/PROJECT/",
		"gcppubsub://p/s3cret":                                 "must be gcppubsub://projects/PROJECT/",
		"gcppubsub://u:s3cret@projects/p/topics/top":           "must be gcppubsub://projects/PROJECT/",
		"gcppubsub://projects/p/snapshots/snap":                "must be gcppubsub://projects/PROJECT/",
		"gcppubsub://projects/p/topics/top?endpoint=s3cret":    `"endpoint" must be HOST:PORT`,
		"gcppubsub://projects/p/subscriptions/sub?endpoint=x/": `"endpoint" must be HOST:PORT`,
	} {
		var err error
		if strings.Contains(url, "/topics/") {
			_, err = queue.OpenPublisher(t.Context(), url, nil)
		} else {
			_, err = queue.OpenSubscription(t.Context(), url, nil)
		}
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := queue.OpenSubscription(t.Context(), "gcppubsub://projects/p/topics/top", nil)
	require.ErrorContains(t, err, "projects/PROJECT/subscriptions/NAME")
	_, err = queue.OpenPublisher(t.Context(), "gcppubsub://projects/p/subscriptions/sub", nil)
	require.ErrorContains(t, err, "projects/PROJECT/topics/NAME")
	_, err = queue.OpenSubscription(t.Context(), "gcppubsub://projects/p/subscriptions/sub?nacklazy=s3cret", nil)
	require.ErrorContains(t, err, `"nacklazy" must be true or false`)
}

// A denied check is not an error; a missing topic is.
func TestCheck(t *testing.T) {
	for code, ok := range map[codes.Code]bool{codes.OK: true, codes.PermissionDenied: true, codes.NotFound: false, codes.Unauthenticated: false} {
		err := check(t.Context(), func(ctx context.Context) error {
			_, bounded := ctx.Deadline()
			require.True(t, bounded)
			return status.Error(code, "x")
		})
		require.Equal(t, ok, err == nil, code)
	}
}

func TestAddress(t *testing.T) {
	key := func(organization string) string {
		var out pubsubpb.PubsubMessage
		require.NoError(t, address(queue.Message{OrganizationID: organization}, func(i any) bool {
			p, ok := i.(**pubsubpb.PubsubMessage)
			if ok {
				*p = &out
			}
			return ok
		}))
		return out.OrderingKey
	}
	require.Equal(t, "hospital", key("hospital"))
	require.LessOrEqual(t, len(key(strings.Repeat("x", 2000))), 1024)
	require.Error(t, address(queue.Message{}, func(any) bool { return false }))
}
