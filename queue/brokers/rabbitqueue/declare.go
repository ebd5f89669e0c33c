package rabbitqueue

import (
	"errors"
	"fmt"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// serverVariable names the environment variable for the server's URL, as in Go CDK. A
// password in a flag would be visible to every user of the machine.
const serverVariable = "RABBIT_SERVER_URL"

// declareTimeout bounds all declarations: the server does not answer for a queue without a
// quorum of its nodes.
const declareTimeout = 5 * time.Second

// dial connects and declares the exchange and the queue within a time limit. Empty names are
// not declared; if both are given, the queue is bound to the exchange.
func dial(exchange, name string, within time.Duration) (*amqp.Connection, error) {
	server := os.Getenv(serverVariable)
	// Errors of ParseURI and of Go CDK's opener quote the password.
	if _, err := amqp.ParseURI(server); err != nil {
		return nil, fmt.Errorf("%s must be the URL of the RabbitMQ server, such as amqp://USER:PASSWORD@HOST:5672/", serverVariable)
	}
	conn, err := amqp.DialConfig(server, amqp.Config{
		Heartbeat: 5 * time.Second, Locale: "en_US", Dial: amqp.DefaultDial(5 * time.Second),
		Properties: amqp.Table{"connection_name": "fhirdock"},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to RabbitMQ: %w", err)
	}
	defer closeAfter(conn, within)()
	if exchange != "" {
		err = declareExchange(conn, exchange)
	}
	if err == nil && name != "" {
		err = declareQueue(conn, exchange, name)
	}
	if err != nil {
		_ = conn.CloseDeadline(time.Now().Add(time.Second))
		return nil, err
	}
	return conn, nil
}

// closeAfter closes a connection after d unless stop is called before. The client library
// waits for an answer without limit while heartbeats arrive.
func closeAfter(conn *amqp.Connection, d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { _ = conn.CloseDeadline(time.Now()) }).Stop
}

func declareExchange(conn *amqp.Connection, name string) error {
	err := onChannel(conn, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(name, amqp.ExchangeFanout, true, false, false, false, nil)
	})
	if absent(err) {
		err = onChannel(conn, func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil)
		})
	}
	if err != nil {
		return fmt.Errorf("exchange %s: %w", name, err)
	}
	return nil
}

func declareQueue(conn *amqp.Connection, exchange, name string) error {
	err := onChannel(conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		return err
	})
	if absent(err) {
		err = onChannel(conn, func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum})
			return err
		})
	}
	if err == nil && exchange != "" {
		// Always bind: the process that declared the queue may have died before it did.
		err = onChannel(conn, func(ch *amqp.Channel) error { return ch.QueueBind(name, "", exchange, false, nil) })
	}
	if err != nil {
		return fmt.Errorf("queue %s: %w", name, err)
	}
	return nil
}

// onChannel calls do with a new channel, since the server closes a channel after an error.
func onChannel(conn *amqp.Connection, do func(*amqp.Channel) error) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return do(ch)
}

func absent(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	return ok && e.Code == amqp.NotFound
}
