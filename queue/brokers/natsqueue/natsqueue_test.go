package natsqueue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

func TestURLs(t *testing.T) {
	for name, test := range map[string]struct{ url, want string }{
		"no subject": {url: "nats://127.0.0.1?stream=x", want: "nats://HOST:PORT/SUBJECT"},
		"no host":    {url: "nats:///x?stream=x", want: "nats://HOST:PORT/SUBJECT"},
		"wildcard":   {url: "nats://127.0.0.1/x.*?stream=x", want: "nats://HOST:PORT/SUBJECT"},
		"no stream":  {url: "nats://127.0.0.1/x", want: "needs the parameter stream"},
		"unknown":    {url: "nats://127.0.0.1/x?stream=x&jetstream", want: `unknown parameter "jetstream"; there are stream`},
		"malformed":  {url: "nats://user:s3cret@127.0.0.1/%zz", want: "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := queue.OpenPublisher(t.Context(), test.url, nil)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	_, err := queue.OpenSubscription(t.Context(), "nats://u:s3cret@127.0.0.1/x?stream=x", nil)
	require.ErrorContains(t, err, "needs the parameter consumer")
}
