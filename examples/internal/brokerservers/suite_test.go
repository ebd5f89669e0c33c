package brokerservers_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/fhirdock/fhirdock/examples/internal/drivers"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/queue"
)

// broker is a kind of broker and its guarantees.
type broker struct {
	name  string
	start func(ctx context.Context, folder string) (*brokerservers.Broker, error)
	// real lends part of a real server instead.
	real func(context.Context) (*servers.Lent, error)
	// inOrder: an organization's wake-ups are received in order.
	inOrder bool
	// lease is the time until an unsettled message, or one that was given back, is
	// redelivered. Zero: at once.
	lease time.Duration
	// unsettled is the lease of unsettled messages, if different.
	unsettled time.Duration
	// slowToMiss: reporting a missing entity takes seconds, or another kind covers the
	// same code.
	slowToMiss bool
}

var brokers = []broker{
	{name: "SQS", start: brokerservers.SQS, lease: brokerservers.VisibilityTimeout * time.Second},
	{name: "SQSFIFO", start: brokerservers.SQSFIFO, inOrder: true, lease: brokerservers.VisibilityTimeout * time.Second, slowToMiss: true},
	{name: "SNS", start: brokerservers.SNS, lease: brokerservers.VisibilityTimeout * time.Second},
	{name: "SNSEnveloped", start: brokerservers.SNSEnveloped, lease: brokerservers.VisibilityTimeout * time.Second, slowToMiss: true},
	{name: "SNSFIFO", start: brokerservers.SNSFIFO, inOrder: true, lease: brokerservers.VisibilityTimeout * time.Second, slowToMiss: true},
	{name: "PubSub", start: brokerservers.PubSub, inOrder: true, lease: brokerservers.AckDeadline * time.Second, slowToMiss: true},
	{name: "ServiceBus", start: brokerservers.ServiceBus, inOrder: true, lease: 2 * time.Second, slowToMiss: true},
	{name: "Kafka", start: brokerservers.Kafka, inOrder: true},
	{name: "RabbitMQ", real: servers.Rabbit, inOrder: true},
	{name: "JetStream", real: servers.NATS, inOrder: true, unsettled: 5 * time.Minute},
}

// lend starts the broker.
func (b broker) lend(t *testing.T) (*brokerservers.Broker, error) {
	t.Helper()
	if b.start != nil {
		lent, err := b.start(t.Context(), t.TempDir())
		if err == nil {
			t.Cleanup(func() {
				if err := lent.Close(); err != nil {
					t.Errorf("not stopped: %v", err)
				}
			})
		}
		return lent, err
	}
	lent, err := b.real(t.Context())
	if err != nil {
		if errors.Is(err, servers.ErrNone) {
			err = fmt.Errorf("%w: %w", localserver.ErrMissing, err)
		}
		return nil, err
	}
	t.Cleanup(func() {
		if err := lent.Remove(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("not removed from the server: %v", err)
		}
	})
	out := &brokerservers.Broker{Name: "a real server", Topic: lent.Topic, Subscription: lent.Subscription, Env: map[string]string{}}
	for _, v := range lent.Env {
		name, value, _ := strings.Cut(v, "=")
		out.Env[name] = value
	}
	return out, nil
}

// each runs a test on each broker in parallel, since tests mostly wait. No two brokers set
// the same variable to different values.
func each(t *testing.T, test func(t *testing.T, b broker, lent *brokerservers.Broker)) {
	t.Helper()
	lent, errs := make([]*brokerservers.Broker, len(brokers)), make([]error, len(brokers))
	set := map[string]string{}
	for i, b := range brokers {
		if lent[i], errs[i] = b.lend(t); errs[i] != nil {
			continue
		}
		for name, value := range lent[i].Env {
			if before, ok := set[name]; ok {
				require.Equal(t, before, value)
			}
			set[name] = value
			t.Setenv(name, value)
		}
	}
	for i, b := range brokers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			brokerservers.SkipWithout(t, errs[i])
			t.Logf("on %s", lent[i].Name)
			test(t, b, lent[i])
		})
	}
}

func open(t *testing.T, b *brokerservers.Broker) *backends.Backends {
	t.Helper()
	back, err := backends.Open(t.Context(), backends.URLs{Topic: b.Topic, Subscription: b.Subscription},
		&backends.Options{Data: filepath.Join(t.TempDir(), "data"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, back.Close(ctx))
	})
	return back
}

// message returns a message whose members are all different.
func message(organization, job string) queue.Message {
	return queue.Message{
		JobID: job, Bucket: "bucket", Key: "incoming/" + job, OrganizationID: organization,
		OrganizationName: "Krankenhaus Süd 病院", UserID: "u", Source: "webhook", FileSize: 1 << 40, Timestamp: time.Now().Truncate(time.Microsecond),
	}
}

func publish(t *testing.T, back *backends.Backends, m queue.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, back.Publisher.Publish(ctx, m))
}

// consume receives until the returned function is called, which waits for the consumer to
// end.
func consume(t *testing.T, back *backends.Backends, handle func(queue.Raw) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		c := must(queue.NewConsumer(back.Subscription, &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)}))
		ended <- c.RunRaw(ctx, func(_ context.Context, m queue.Raw) error { return handle(m) })
	}()
	return sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(20 * time.Second):
			t.Fatal("the consumer did not end")
		}
	})
}

// Messages arrive complete, once, and in the guaranteed order.
func TestSent(t *testing.T) {
	each(t, func(t *testing.T, b broker, lent *brokerservers.Broker) {
		back := open(t, lent)
		const organizations, each = 3, 7
		got := make(chan queue.Raw, 100)
		sent := map[string]queue.Message{}
		for i := range each {
			for o := range organizations {
				m := message(fmt.Sprintf("hospital %d", o), fmt.Sprintf("job-%d-%d", o, i))
				publish(t, back, m)
				sent[m.JobID] = m
			}
		}
		stop := consume(t, back, func(m queue.Raw) error { got <- m; return nil })
		defer stop()
		received := map[string][]string{}
		for range organizations * each {
			select {
			case raw := <-got:
				m, err := queue.Decode(raw.Body)
				require.NoError(t, err)
				require.True(t, sent[m.JobID].Timestamp.Equal(m.Timestamp))
				m.Timestamp = sent[m.JobID].Timestamp
				require.Equal(t, sent[m.JobID], m, "the message arrived complete and once")
				delete(sent, m.JobID)
				require.Equal(t, m.OrganizationID, raw.Metadata["organizationId"])
				require.Equal(t, m.JobID, raw.Metadata["jobId"])
				require.Equal(t, "webhook", raw.Metadata["source"])
				received[m.OrganizationID] = append(received[m.OrganizationID], m.JobID)
			case <-time.After(20 * time.Second):
				t.Fatalf("not received: %v", sent)
			}
		}
		if b.inOrder {
			for o := range organizations {
				for i, id := range received[fmt.Sprintf("hospital %d", o)] {
					require.Equal(t, fmt.Sprintf("job-%d-%d", o, i), id)
				}
			}
		}
		stop()
		// They were acknowledged and are not redelivered.
		stop = consume(t, back, func(m queue.Raw) error { got <- m; return nil })
		defer stop()
		select {
		case m := <-got:
			t.Fatalf("redelivered: %s", m.Body)
		case <-time.After(b.lease + time.Second):
		}
	})
}

// A job's second wake-up is not treated as a duplicate of the first.
func TestWokenAgain(t *testing.T) {
	each(t, func(t *testing.T, _ broker, lent *brokerservers.Broker) {
		back := open(t, lent)
		got := make(chan queue.Raw, 10)
		stop := consume(t, back, func(m queue.Raw) error { got <- m; return nil })
		defer stop()
		for range 2 {
			publish(t, back, message("o", "the-same-job"))
		}
		for range 2 {
			select {
			case <-got:
			case <-time.After(20 * time.Second):
				t.Fatal("a wake-up was dropped")
			}
		}
	})
}

// victim names the variable with the URLs for the process that TestDeath kills, which is
// this test binary.
const victim = "BROKERS_TEST_VICTIM"

func TestMain(m *testing.M) {
	if urls := os.Getenv(victim); urls != "" {
		os.Exit(beVictim(urls))
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "10") // tests mostly wait
	os.Exit(m.Run())
}

// beVictim receives and settles nothing.
func beVictim(urls string) int {
	topic, subscription, _ := strings.Cut(urls, " ")
	folder, err := os.MkdirTemp("", "fhirdock-victim-")
	if err != nil {
		return 1
	}
	defer os.RemoveAll(folder)
	back, err := backends.Open(context.Background(), backends.URLs{Topic: topic, Subscription: subscription}, &backends.Options{Data: folder})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	err = must(queue.NewConsumer(back.Subscription, nil)).RunRaw(context.Background(), func(context.Context, queue.Raw) error {
		fmt.Println("received")
		select {}
	})
	fmt.Println(err)
	return 1
}

// Messages received by a killed process are redelivered to another one.
func TestDeath(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	each(t, func(t *testing.T, b broker, lent *brokerservers.Broker) {
		back := open(t, lent)
		publish(t, back, message("o", "orphan"))
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), victim+"="+lent.Topic+" "+lent.Subscription)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := make(chan string, 1)
		go func() {
			line := make([]byte, 4096)
			n, _ := out.Read(line)
			said <- string(line[:n])
		}()
		select {
		case s := <-said:
			require.Equal(t, "received\n", s)
		case <-time.After(30 * time.Second):
			t.Error("the other process received nothing")
		}
		received := time.Now()
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed

		got := make(chan queue.Raw, 10)
		stop := consume(t, back, func(m queue.Raw) error { got <- m; return nil })
		defer stop()
		wait := b.lease + 20*time.Second
		if b.unsettled > time.Minute { // too long for a test: it must not be redelivered earlier
			wait = time.Second
		}
		select {
		case m := <-got:
			require.Equal(t, "orphan", m.Metadata["jobId"])
			require.LessOrEqual(t, b.unsettled, time.Minute)
			t.Logf("after %v", time.Since(received).Round(100*time.Millisecond))
		case <-time.After(wait):
			require.Greater(t, b.unsettled, time.Minute, "it was not redelivered")
		}
	})
}

// A message that was given back is redelivered, after the lease if there is one.
func TestGivenBack(t *testing.T) {
	each(t, func(t *testing.T, b broker, lent *brokerservers.Broker) {
		back := open(t, lent)
		publish(t, back, message("o", "job"))
		got := make(chan time.Time, 1)
		var once sync.Once
		stop := consume(t, back, func(queue.Raw) error {
			once.Do(func() { got <- time.Now() })
			return errors.New("away")
		})
		defer stop()
		var first time.Time
		select {
		case first = <-got:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was received")
		}
		stop() // gives the message back
		again := make(chan time.Time, 10)
		stop = consume(t, back, func(queue.Raw) error { again <- time.Now(); return nil })
		defer stop()
		select {
		case second := <-again:
			after := second.Sub(first)
			t.Logf("after %v", after.Round(10*time.Millisecond))
			require.Greater(t, after, b.lease-500*time.Millisecond)
		case <-time.After(b.lease + 20*time.Second):
			t.Fatal("it was not redelivered")
		}
	})
}

// A message that can't be handled causes no hot loop on any broker.
func TestNoHotLoop(t *testing.T) {
	// The message is held two or three times, with eight calls each.
	watched, fewer := 7*time.Second, 32
	if testing.Short() {
		watched, fewer = time.Second, 16
	}
	each(t, func(t *testing.T, _ broker, lent *brokerservers.Broker) {
		back := open(t, lent)
		publish(t, back, message("o", "poison"))
		calls := make(chan struct{}, 100_000)
		stop := consume(t, back, func(queue.Raw) error { calls <- struct{}{}; return errors.New("away") })
		defer stop()
		select {
		case <-calls:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was received")
		}
		<-time.After(watched)
		stop()
		require.Less(t, len(calls), fewer)
		t.Logf("%d calls in %v", len(calls)+1, watched)
	})
}
