//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/gatewayprocess"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/jobs"
)

// site is the state of some rounds on one folder.
type site struct {
	*config
	data      string
	rand      *rand.Rand
	lent      *servers.Lent
	database  *database          // of modes that need a separate one
	cable     *localserver.Cable // to that database or to the broker, for the mode's faults
	probe     *probe             // of these modes
	processes []*gatewayprocess.Process
	store     jobs.Store
	watch     *watch
	ledger    *ledger
}

// uploadExpiry is short, so that uploads with a lost response are looked for soon.
const uploadExpiry = 3 * time.Second

// campaign runs rounds on one folder, waits until all jobs are finished, and judges.
func (c *config) campaign(ctx context.Context, rounds int, r *rand.Rand) (t *tally, err error) {
	s := &site{config: c, rand: r, ledger: newLedger()}
	if s.data, err = os.MkdirTemp("", "fhirdock-chaos-"); err != nil {
		return nil, err
	}
	mode := modes[c.mode]
	switch {
	case mode.ofBroker:
		s.cable, s.lent, err = byCable(ctx, c.backend)
	case mode.faults != nil:
		if s.database, s.lent, err = ownDatabase(ctx, c.backend); err == nil {
			s.cable = s.database.cable
		}
	default:
		s.lent, err = lend[c.backend](ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.data))
	}
	defer func() {
		if err == nil && len(t.findings) == 0 {
			err = os.RemoveAll(s.data)
		} else if t != nil {
			t.folder = s.data
		} else {
			err = fmt.Errorf("%w (kept: %s)", err, s.data)
		}
	}()
	defer func() {
		for _, p := range s.processes {
			p.Kill()
		}
		// ctx may have ended.
		end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err = errors.Join(err, s.lent.Remove(end))
	}()
	// After an interrupt the finished rounds are still judged.
	interrupted := ctx
	ctx = context.WithoutCancel(ctx)
	var bases []string
	for _, role := range mode.roles {
		p, err := s.process(role)
		if err != nil {
			return nil, err
		}
		s.processes = append(s.processes, p)
		if role != "worker" {
			bases = append(bases, p.Base())
		}
		if err := s.start(ctx, p); err != nil {
			return nil, err
		}
	}
	stopWatching, err := s.startWatch(ctx)
	if err != nil {
		return nil, err
	}
	defer stopWatching()

	s.ledger.mayCut(mode.cuts)
	sending := startSenders(s.ledger, bases, s.watch.backlogged, mode.faults != nil, r)
	t = &tally{}
	if mode.faults != nil {
		s.probe = startProbe(s.ledger, bases, rand.New(rand.NewPCG(r.Uint64(), 0)), c.patience)
		defer s.probe.stop()
	}
	for ; t.rounds < rounds && interrupted.Err() == nil; t.rounds++ {
		if err := mode.round(ctx, s); err != nil {
			sending.giveUp()
			return nil, err
		}
	}
	if s.probe != nil {
		s.probe.stop()
		t.faults = s.probe.faults
	}
	sending.stop()
	if err := s.settle(ctx); err != nil {
		s.ledger.found("%v", err)
	}
	s.judge(ctx, bases[0], t)
	return t, nil
}

// process returns a gateway with a role, not yet started.
func (s *site) process(role string) (*gatewayprocess.Process, error) {
	addr, err := gatewayprocess.FreeAddress()
	if err != nil {
		return nil, err
	}
	p := &gatewayprocess.Process{
		Program: s.gateway, Addr: addr, Env: s.lent.Env, Log: filepath.Join(s.data, fmt.Sprintf("gateway-%d.log", len(s.processes))),
		Args: []string{
			"-data", s.data, "-role", role, "-batch-bytes", "128KiB",
			"-lease", s.lease.String(), "-sweep-every", s.sweep.String(), "-poll-every", s.sweep.String(),
			"-upload-expiry", uploadExpiry.String(), "-max-attempts", "1000", "-rate", "0", // the judge asks for every job at once
		},
	}
	p.Args = append(p.Args, s.objects()...)
	if s.lent.Jobs != "" {
		p.Args = append(p.Args, "-jobs", s.lent.Jobs)
	}
	if s.lent.Topic != "" {
		p.Args = append(p.Args, "-topic", s.lent.Topic, "-subscription", s.lent.Subscription)
	}
	return p, nil
}

// start starts a gateway and waits until it responds.
func (s *site) start(ctx context.Context, p *gatewayprocess.Process) error {
	if err := p.Start(); err != nil {
		return err
	}
	if err := p.Up(ctx); err != nil {
		return err
	}
	if s.watch != nil {
		s.watch.running()
	}
	return nil
}

func (s *site) startWatch(ctx context.Context) (stop func(), err error) {
	lent := s.lent
	if s.database != nil {
		lent = s.database.direct()
	}
	store, closeStore, err := records(ctx, lent, s.data)
	if err != nil {
		return nil, err
	}
	s.store = store
	s.watch = newWatch(store, s.lease+time.Second)
	s.watch.running()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { s.watch.run(ctx); close(ended) }()
	return func() {
		cancel()
		<-ended
		_ = closeStore() // it was only read
	}, nil
}

// settledLooks is the number of successive looks, together a second, that must find no work left.
const settledLooks = 20

// settle waits until no job has work left.
func (s *site) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute*time.Duration(s.patience))
	defer cancel()
	for quiet := 0; ; {
		due, err := s.store.Due(ctx, time.Now().Add(time.Hour), 1000)
		if err != nil {
			return fmt.Errorf("read the jobs: %w", err)
		}
		left := 0
		for _, j := range due {
			if !j.State.Finished() {
				left++
			}
		}
		// If an index lags, one look may miss a job whose due time is being changed.
		if quiet++; left > 0 {
			quiet = 0
		} else if quiet == settledLooks {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d jobs are not finished", left)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *site) judge(ctx context.Context, base string, t *tally) {
	front := &frontdoor.Client{Base: base, Token: "dev"}
	v := judge(s.data, s.ledger.entries, func(id string) (*frontdoor.Job, error) { return front.Job(ctx, id) })
	t.acknowledged, t.lines, t.lost, t.doubled = v.jobs, v.lines, v.lost, v.doubled
	l := s.ledger
	t.answered, t.refused, t.cut, t.cutAllowed = l.answered, l.refused, l.cut, l.cutAllowed
	t.findings = append(l.findings, v.findings...)
	t.waits, t.again = s.watch.recoveries()
	for _, p := range s.processes {
		raw, err := os.ReadFile(p.Log)
		if err != nil {
			t.findings = append(t.findings, err.Error())
		}
		t.fenced += bytes.Count(raw, []byte(`msg="job lost`))
		for _, bad := range []string{"panic", "DATA RACE", "level=ERROR"} {
			if s.logged(raw, bad) {
				t.findings = append(t.findings, fmt.Sprintf("%s in %s", bad, p.Log))
			}
		}
	}
}

// logged reports whether a log has a line with something bad. Errors of a deliberately
// faulty database are expected.
func (s *site) logged(log []byte, bad string) bool {
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte(bad)) && (s.database == nil || !bytes.Contains(line, []byte(" status=503 "))) {
			return true
		}
	}
	return false
}

// restart starts a gateway that has ended.
func (s *site) restart(ctx context.Context, p *gatewayprocess.Process) error {
	s.ledger.mayCut(modes[s.mode].cuts)
	return s.start(ctx, p)
}

// pause waits for a random time.
func (s *site) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(s.rand.Int64N(int64(most-least)+1)))
}

// killed ends a gateway at once.
func (s *site) killed(p *gatewayprocess.Process) error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_, err := p.Wait(10 * time.Second)
	return err
}
