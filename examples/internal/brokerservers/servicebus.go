package brokerservers

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// rheaVersion is pinned so that its behaviour is. It is an AMQP 1.0 library with a
// server's side.
const rheaVersion = "3.0.5"

//go:embed servicebus.js
var serviceBusProgram []byte

// The settings of what is lent, where a test needs them.
const (
	// ServiceBusQueue is a queue beside the topic.
	ServiceBusQueue = "azuresb://wakeups-queue"
	serviceBusTopic = "wakeups"
)

// ServiceBus starts a stand-in for Azure Service Bus of our own, since no emulator can be
// had that runs here: it shows that the Azure SDK and our drivers do over AMQP what they
// should, and not what the service makes of it. It has one topic with a subscription, and
// a queue, whose locks last two seconds. The folder gets its program.
func ServiceBus(ctx context.Context, folder string) (*Broker, error) {
	modules, err := localserver.NodePackages(ctx, "rhea@"+rheaVersion)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(folder, "servicebus.js")
	if err := os.WriteFile(program, serviceBusProgram, 0o600); err != nil {
		return nil, err
	}
	address, err := localserver.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := localserver.Start(ctx, address, []string{"NODE_PATH=" + modules}, "node", program, port,
		`{"queues":["wakeups-queue"],"topics":{"wakeups":["workers"]},"lock":2000,"deliveries":100}`)
	if err != nil {
		return nil, err
	}
	return &Broker{
		Name: "a stand-in for Azure Service Bus, of our own over rhea " + rheaVersion, Address: address,
		Env: map[string]string{
			"SERVICEBUS_CONNECTION_STRING": fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=x;SharedAccessKey=eA==;UseDevelopmentEmulator=true", address),
		},
		Topic: "azuresb://" + serviceBusTopic, Subscription: "azuresb://" + serviceBusTopic + "?subscription=workers",
		stop: p.Stop,
	}, nil
}
