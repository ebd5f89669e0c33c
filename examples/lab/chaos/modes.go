//go:build unix

package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayprocess"
)

// mode describes a round.
type mode struct {
	roles []string // of the gateways
	cuts  bool     // requests may be cut
	round func(context.Context, *site) error
	// faults of a separate PostgreSQL server or of the connection to the broker, one a
	// round, in turn.
	faults   []fault
	ofBroker bool
}

var modes = map[string]*mode{}

func init() { // not in the declaration: the functions refer to modes
	modes["kill"] = &mode{roles: []string{"all"}, cuts: true, round: killRound}
	modes["term"] = &mode{roles: []string{"all"}, round: termRound}
	modes["lose"] = &mode{roles: []string{"api", "worker", "worker"}, round: loseRound}
	modes["stop"] = &mode{roles: []string{"api", "api", "worker", "worker", "worker", "worker"}, round: stopRound}
	modes["failover"] = &mode{roles: []string{"api", "api", "worker", "worker"}, round: faultRound, faults: []fault{readOnly}}
	modes["broker"] = &mode{roles: []string{"api", "api", "worker", "worker"}, round: faultRound, faults: brokerFaults, ofBroker: true}
	modes["database"] = &mode{roles: []string{"api", "api", "worker", "worker"}, round: faultRound, faults: databaseFaults}
}

// killRound kills the gateway at a random moment and restarts it; sometimes it is killed
// again while it starts.
func killRound(ctx context.Context, s *site) error {
	p := s.processes[0]
	s.pause(50*time.Millisecond, 900*time.Millisecond)
	if err := s.killed(p); err != nil {
		return err
	}
	if s.rand.IntN(10) == 0 {
		if err := p.Start(); err != nil {
			return err
		}
		s.pause(0, 200*time.Millisecond)
		if err := s.killed(p); err != nil {
			return err
		}
	}
	return s.restart(ctx, p)
}

// termRound stops the gateway with SIGTERM at a random moment and restarts it. Every
// fourth time it gets two signals.
func termRound(ctx context.Context, s *site) error {
	p := s.processes[0]
	s.pause(100*time.Millisecond, 500*time.Millisecond)
	twice := s.rand.IntN(4) == 0
	if twice {
		s.ledger.mayCut(true)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	want := 0
	if twice {
		s.pause(0, 30*time.Millisecond)
		_ = p.Signal(syscall.SIGTERM) // it may have ended
		want = 128 + int(syscall.SIGTERM)
	}
	code, err := p.Wait(30 * time.Second)
	if err != nil {
		return err
	}
	if code != 0 && code != want {
		s.ledger.found("the gateway ended with %d", code)
	}
	if twice {
		// Let the senders notice cut requests before the next gateway runs.
		s.pause(50*time.Millisecond, 50*time.Millisecond)
	}
	return s.restart(ctx, p)
}

// stopRound stops a worker for longer than its lease.
func stopRound(_ context.Context, s *site) error {
	var workers []*gatewayprocess.Process
	for i, role := range modes["stop"].roles {
		if role == "worker" {
			workers = append(workers, s.processes[i])
		}
	}
	s.pause(50*time.Millisecond, 300*time.Millisecond)
	p := workers[s.rand.IntN(len(workers))]
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop a worker: %w", err)
	}
	s.pause(s.lease*11/10, s.lease*3/2)
	if err := p.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("resume a worker: %w", err)
	}
	return nil
}

// loseRound deletes the broker's entities under load, and waits until the gateways have
// created them again and receive from them.
func loseRound(ctx context.Context, s *site) error {
	const within = 15 * time.Second
	s.pause(200*time.Millisecond, 2*time.Second)
	if err := s.lent.Lose(ctx); err != nil {
		return fmt.Errorf("delete the broker's entities: %w", err)
	}
	for began := time.Now(); ; {
		switch there, err := s.lent.Consumed(ctx); {
		case err != nil:
			return fmt.Errorf("inspect the broker: %w", err)
		case there:
			return nil
		case time.Since(began) > within:
			s.ledger.found("the broker's entities were not created again after %s", within)
			return nil
		}
		s.pause(50*time.Millisecond, 50*time.Millisecond)
	}
}
