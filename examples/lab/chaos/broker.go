//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// brokerFaults are the faults of the connection to the broker. The service works without a
// broker.
var brokerFaults = []fault{working(halfOpen), latency, working(resets)}

// subscribedWithin, times -patience, is the maximum time until a worker has its
// subscription after a fault. Without one it still finds jobs.
const subscribedWithin = 15 * time.Second

// subscribedAgain waits until no worker reports a missing subscription, and returns how
// long after the fault that was.
func (s *site) subscribedAgain(ended time.Time) time.Duration {
	client, bound := newClient(true), subscribedWithin*time.Duration(s.patience)
	for i, role := range modes[s.mode].roles {
		for role == "worker" && time.Since(ended) < bound {
			a := client.send(http.MethodGet, s.processes[i].Base()+"/readyz", nil, nil)
			if a.status == http.StatusOK && !bytes.Contains(a.body, []byte("degraded")) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	took := time.Since(ended)
	if took >= bound {
		s.ledger.found("a worker has no subscription after %s", took)
	}
	return took
}

func working(f fault) fault {
	f.works = true
	return f
}

// byCable lends back ends whose broker the gateways reach through a cable, and this
// program directly.
func byCable(ctx context.Context, backend string) (*localserver.Cable, *servers.Lent, error) {
	lent, err := lend[backend](ctx)
	if err != nil {
		return nil, nil, err
	}
	server := lent.Topic // of NATS
	for _, v := range lent.Env {
		if value, ok := strings.CutPrefix(v, "RABBIT_SERVER_URL="); ok {
			server = value
		}
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, nil, errors.Join(errors.New("the address of the broker is not a URL"), lent.Remove(ctx))
	}
	cable, err := localserver.NewCable(u.Host)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("a cable to the broker: %w", err), lent.Remove(ctx))
	}
	by := func(s string) string { return strings.ReplaceAll(s, u.Host, cable.Address) }
	lent.Topic, lent.Subscription = by(lent.Topic), by(lent.Subscription)
	for i, v := range lent.Env {
		lent.Env[i] = by(v)
	}
	remove := lent.Remove
	lent.Remove = func(ctx context.Context) error { return errors.Join(cable.Close(), remove(ctx)) }
	return cable, lent, nil
}
