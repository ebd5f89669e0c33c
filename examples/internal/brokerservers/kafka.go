package brokerservers

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Partitions of the topic that [Kafka] creates.
const Partitions = 3

// Kafka starts kfake, a fake of Kafka's protocol, in this process, with one topic.
func Kafka(_ context.Context, _ string) (*Broker, error) {
	return kafka("")
}

// KafkaSASL is Kafka with SCRAM, for the user fhirdock with the password secret.
func KafkaSASL(_ context.Context, _ string) (*Broker, error) {
	b, err := kafka("sasl=scram-sha-256", kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "fhirdock", "secret"))
	if err != nil {
		return nil, err
	}
	b.Env["KAFKA_USERNAME"], b.Env["KAFKA_PASSWORD"] = "fhirdock", "secret"
	return b, nil
}

func kafka(parameters string, opts ...kfake.Opt) (*Broker, error) {
	accepted := &acceptor{}
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(Partitions, "wakeups"), kfake.ListenFn(accepted.listen))...)
	if err != nil {
		return nil, fmt.Errorf("kfake: %w", err)
	}
	addresses := strings.Join(c.ListenAddrs(), ",")
	return &Broker{
		Name: "kfake, a fake of Kafka", Address: addresses,
		Env:   map[string]string{"KAFKA_BROKERS": addresses},
		Topic: "kafka://wakeups?" + parameters, Subscription: "kafka://workers?topic=wakeups&" + parameters,
		Cut:  accepted.cut,
		stop: func() error { c.Close(); return nil },
	}, nil
}

// acceptor tracks the connections to a server. A Cable does not work for a server that
// advertises its address to clients.
type acceptor struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (a *acceptor) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	a.Listener = l
	return a, err
}

func (a *acceptor) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if err == nil {
		a.mu.Lock()
		a.conns = append(a.conns, conn)
		a.mu.Unlock()
	}
	return conn, err
}

func (a *acceptor) cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, conn := range a.conns {
		conn.Close()
	}
	a.conns = nil
}
