package kafkaqueue

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub/kafkapubsub"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
)

// quick gives up on unreachable brokers at once.
var quick = URLOpener{Configure: func(c *sarama.Config) {
	c.Metadata.Retry.Max = 0
	c.Net.DialTimeout = time.Second
}}

func TestURLs(t *testing.T) {
	for _, test := range []struct{ url, brokers, user, want string }{
		{url: "rabbit://x?topic=x", want: "must begin with kafka://"},
		{url: "kafka://?topic=x", want: "the URL must be kafka://"},
		{url: "kafka://u:s3cret@x?topic=x", want: "the URL must be kafka://"},
		{url: "kafka://a/s3cret?topic=x", want: "the URL must be kafka://"},
		{url: "kafka://x?topic=s3cret/a", want: "the URL must be kafka://"},
		{url: "kafka://x", want: "the URL must be kafka://GROUP?topic=TOPIC"},
		{url: "kafka://x?topic=x&key=s3cret", want: `unknown parameter "key"; there are offset, sasl, tls, topic`},
		{url: "kafka://x?topic=x", want: "KAFKA_BROKERS must list"},
		{url: "kafka://x?topic=x", brokers: " , ", want: "KAFKA_BROKERS must list"},
		{url: "kafka://x?topic=x&tls=s3cret", brokers: "127.0.0.1:1", want: `"tls" must be true or false`},
		{url: "kafka://x?topic=x&offset=s3cret", brokers: "127.0.0.1:1", want: `"offset" must be oldest or newest`},
		{url: "kafka://x?topic=x&sasl=plain", brokers: "127.0.0.1:1", want: "KAFKA_USERNAME and KAFKA_PASSWORD must be set"},
		{url: "kafka://x?topic=x&sasl=plain", brokers: "127.0.0.1:1", user: "u", want: "needs tls=true"},
		{url: "kafka://x?topic=x&sasl=s3cret", brokers: "127.0.0.1:1", user: "u", want: "must be plain, scram-sha-256 or scram-sha-512"},
	} {
		t.Setenv(brokersVariable, test.brokers)
		t.Setenv(userVariable, test.user)
		t.Setenv(passwordVariable, "s3cret")
		_, err := quick.OpenSubscriptionURL(t.Context(), test.url, nil)
		require.ErrorContains(t, err, test.want, test.url)
		require.NotContains(t, err.Error(), "s3cret")
	}
	t.Setenv(brokersVariable, "127.0.0.1:1")
	_, err := quick.OpenPublisherURL(t.Context(), "kafka://x?topic=x", nil)
	require.ErrorContains(t, err, "there are sasl, tls")
	publisher, err := quick.OpenPublisherURL(t.Context(), "kafka://x", nil)
	require.NoError(t, err, "unreachable brokers")
	require.NoError(t, publisher.Shutdown(t.Context()))
	_, err = quick.OpenSubscriptionURL(t.Context(), "kafka://x?topic=x", nil)
	require.NoError(t, err)
}

func TestConfigure(t *testing.T) {
	t.Setenv(brokersVariable, " a:1 ,b:2,")
	t.Setenv(userVariable, "u")
	t.Setenv(passwordVariable, "p")
	for _, sasl := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		u, err := brokerurl.Parse("kafka://x?tls=true&sasl="+sasl, []string{kafkapubsub.Scheme}, "tls", "sasl")
		require.NoError(t, err)
		brokers, c, err := configure(u, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"a:1", "b:2"}, brokers)
		require.NoError(t, c.Validate(), sasl)
		require.True(t, c.Net.TLS.Enable)
		require.Equal(t, sarama.WaitForAll, c.Producer.RequiredAcks)
		require.Equal(t, 1, c.Net.MaxOpenRequests, "retries would lose their order")
	}
}
