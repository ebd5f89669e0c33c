// Package servers lends programs and tests separate back ends on the servers of this
// machine: a schema or a channel in PostgreSQL, a queue in RabbitMQ, a stream in NATS
// JetStream, each with a random name.
//
// It looks for the servers on their standard loopback ports, or at FHIRDOCK_TEST_POSTGRES,
// RABBIT_SERVER_URL and FHIRDOCK_TEST_NATS.
package servers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // postgres://
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	amqp "github.com/rabbitmq/amqp091-go"
)

// ErrNone: the server can't be reached.
var ErrNone = errors.New("no server")

// Lent is a lent back end. Remove removes all of it from the server, including everything
// that the gateway created in it.
type Lent struct {
	// Jobs, Topic and Subscription are URLs for the gateway. They are empty if the server
	// does not offer them.
	Jobs, Topic, Subscription string
	// Env has the variables that the gateway needs for them.
	Env    []string
	Remove func(context.Context) error
	// Lose deletes the broker's entities with their messages. Consumed reports whether
	// they exist and have a receiver. Nil if the broker keeps nothing.
	Lose     func(context.Context) error
	Consumed func(context.Context) (bool, error)
}

func setting(name, standard string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return standard
}

func randomName() string {
	var b [6]byte
	rand.Read(b[:]) // never fails
	return "fhirdock_" + hex.EncodeToString(b[:])
}

// Postgres lends a schema.
func Postgres(ctx context.Context) (*Lent, error) {
	schema := randomName()
	url, err := postgres("search_path", schema)
	if err != nil {
		return nil, err
	}
	// A search path may name a missing schema.
	if err := execute(ctx, url, "CREATE SCHEMA "+schema); err != nil {
		return nil, err
	}
	return &Lent{Jobs: url, Remove: func(ctx context.Context) error {
		return execute(ctx, url, "DROP SCHEMA "+schema+" CASCADE")
	}}, nil
}

// Notify lends a channel. Nothing needs removing.
func Notify(ctx context.Context) (*Lent, error) {
	name := randomName()
	url, err := postgres("application_name", name)
	if err != nil {
		return nil, err
	}
	if err := execute(ctx, url, "SELECT 1"); err != nil {
		return nil, err
	}
	url += "&channel=" + name
	return &Lent{Topic: url, Subscription: url, Remove: func(context.Context) error { return nil }}, nil
}

// postgres returns the server's URL with a parameter.
func postgres(name, value string) (string, error) {
	u, err := url.Parse(setting("FHIRDOCK_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/test"))
	if err != nil {
		return "", errors.New("FHIRDOCK_TEST_POSTGRES is not a URL")
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func execute(ctx context.Context, url, statement string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("%w of PostgreSQL: %w", ErrNone, err)
	}
	_, err = db.ExecContext(ctx, statement)
	return err
}

// Rabbit lends an exchange and a queue.
func Rabbit(context.Context) (*Lent, error) {
	server := setting("RABBIT_SERVER_URL", "amqp://guest:guest@127.0.0.1:5672/")
	name := randomName()
	do := func(use func(*amqp.Channel) error) error {
		conn, err := amqp.DialConfig(server, amqp.Config{Dial: amqp.DefaultDial(5 * time.Second)})
		if err != nil {
			return fmt.Errorf("%w of RabbitMQ: %w", ErrNone, err)
		}
		defer conn.Close()
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		return use(ch)
	}
	if err := do(func(*amqp.Channel) error { return nil }); err != nil {
		return nil, err
	}
	remove := func(context.Context) error {
		return do(func(ch *amqp.Channel) error {
			// Deleting what does not exist is not an error.
			_, err := ch.QueueDelete(name, false, false, false)
			return errors.Join(err, ch.ExchangeDelete(name, false, false))
		})
	}
	return &Lent{
		Topic: "rabbit://" + name, Subscription: "rabbit://" + name, Env: []string{"RABBIT_SERVER_URL=" + server},
		Remove: remove, Lose: remove, Consumed: func(context.Context) (there bool, err error) {
			err = do(func(ch *amqp.Channel) error {
				q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
				there = err == nil && q.Consumers > 0
				return err
			})
			if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.NotFound {
				err = nil
			}
			return there, err
		},
	}, nil
}

// NATS lends a stream.
func NATS(context.Context) (*Lent, error) {
	server := setting("FHIRDOCK_TEST_NATS", "nats://127.0.0.1:4222")
	name := randomName()
	conn, err := nats.Connect(server)
	if err != nil {
		return nil, fmt.Errorf("%w of NATS: %w", ErrNone, err)
	}
	conn.Close()
	topic := server + "/" + name + ".wake?stream=" + name
	do := func(use func(jetstream.JetStream) error) error {
		conn, err := nats.Connect(server)
		if err != nil {
			return err
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return err
		}
		return use(js)
	}
	remove := func(ctx context.Context) error {
		return do(func(js jetstream.JetStream) error {
			if err := js.DeleteStream(ctx, name); !errors.Is(err, jetstream.ErrStreamNotFound) {
				return err
			}
			return nil
		})
	}
	return &Lent{
		Topic: topic, Subscription: topic + "&consumer=worker",
		Remove: remove, Lose: remove, Consumed: func(ctx context.Context) (there bool, err error) {
			err = do(func(js jetstream.JetStream) error {
				consumer, err := js.Consumer(ctx, name, "worker")
				there = err == nil && consumer.CachedInfo().NumWaiting > 0
				if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
					return nil
				}
				return err
			})
			return there, err
		},
	}, nil
}
