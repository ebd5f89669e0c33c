//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// database is a separate PostgreSQL server. The gateways reach it through a cable.
type database struct {
	server *localserver.Postgres
	cable  *localserver.Cable
}

// ownDatabase starts a server for jobs and, if the back end is notify, for wake-ups.
func ownDatabase(ctx context.Context, backend string) (*database, *servers.Lent, error) {
	server, err := localserver.StartPostgres(ctx)
	if errors.Is(err, localserver.ErrMissing) {
		return nil, nil, fmt.Errorf("%w: %w", servers.ErrNone, err)
	}
	if err != nil {
		return nil, nil, err
	}
	d := &database{server: server}
	remove := func(context.Context) error { return errors.Join(d.cable.Close(), server.Remove()) }
	if d.cable, err = localserver.NewCable(server.Address); err != nil {
		return nil, nil, errors.Join(err, server.Remove())
	}
	if err := d.execute(ctx, "CREATE DATABASE fhirdock"); err != nil {
		return nil, nil, errors.Join(err, remove(ctx))
	}
	lent := &servers.Lent{Jobs: databaseURL(d.cable.Address, "fhirdock"), Remove: remove}
	if backend == "notify" {
		lent.Topic = lent.Jobs + "&channel=wake"
		lent.Subscription = lent.Topic
	}
	return d, lent, nil
}

func databaseURL(address, name string) string {
	return "postgres://postgres@" + address + "/" + name + "?sslmode=disable"
}

// direct returns the same database without the cable.
func (d *database) direct() *servers.Lent {
	return &servers.Lent{Jobs: databaseURL(d.server.Address, "fhirdock")}
}

func (d *database) execute(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL(d.server.Address, "postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// fault is a fault of a database, or of the connection to a broker.
type fault struct {
	name   string
	lasts  time.Duration // default -fault
	works  bool          // the service works during the fault
	begin  func(context.Context, *site) error
	mended func(context.Context, *site) error
}

// readOnly simulates a failover: all sessions are cut, and new ones are read-only until
// the new primary accepts writes.
var readOnly = fault{
	name: "read-only", lasts: 4 * time.Second,
	begin: func(ctx context.Context, s *site) error {
		return errors.Join(s.database.execute(ctx, "ALTER DATABASE fhirdock SET default_transaction_read_only = on"),
			s.database.execute(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'fhirdock'"))
	},
	mended: func(ctx context.Context, s *site) error {
		return s.database.execute(ctx, "ALTER DATABASE fhirdock RESET default_transaction_read_only")
	},
}

var databaseFaults = []fault{
	{
		name:   "SIGSTOP",
		begin:  func(_ context.Context, s *site) error { return s.database.server.Signal(syscall.SIGSTOP) },
		mended: func(_ context.Context, s *site) error { return s.database.server.Signal(syscall.SIGCONT) },
	},
	{
		name:   "SIGKILL",
		begin:  func(_ context.Context, s *site) error { return s.database.server.Kill() },
		mended: func(ctx context.Context, s *site) error { return s.database.server.Restart(ctx) },
	},
	halfOpen, latency, resets,
}

// Faults of a cable.
var (
	halfOpen = fault{name: "half-open", begin: set(localserver.CableState{Silent: true}), mended: set(localserver.CableState{})}
	latency  = fault{name: "1 s latency", works: true, begin: set(localserver.CableState{Delay: time.Second}), mended: set(localserver.CableState{})}
	resets   = fault{
		name: "reset",
		begin: func(ctx context.Context, s *site) error {
			err := set(localserver.CableState{Refusing: true})(ctx, s)
			s.cable.Cut()
			return err
		},
		mended: set(localserver.CableState{}),
	}
)

func set(state localserver.CableState) func(context.Context, *site) error {
	return func(_ context.Context, s *site) error {
		s.cable.Set(state)
		return nil
	}
}

// faultRound causes the mode's next fault, and observes the service.
func faultRound(ctx context.Context, s *site) error {
	faults := modes[s.mode].faults
	f := faults[len(s.probe.faults)%len(faults)]
	if f.lasts == 0 {
		f.lasts = s.fault
	}
	s.pause(time.Second, 2*time.Second)
	if err := f.begin(ctx, s); err != nil {
		return fmt.Errorf("begin %s: %w", f.name, err)
	}
	run := faultRun{name: f.name, works: f.works, began: time.Now()}
	time.Sleep(f.lasts)
	run.mending = time.Now()
	if err := f.mended(ctx, s); err != nil {
		return fmt.Errorf("end %s: %w", f.name, err)
	}
	run.ended = time.Now()
	run.subscribed = s.subscribedAgain(run.ended)
	s.watch.running()
	s.probe.settle(run.ended)
	s.probe.judge(&run)
	return nil
}
