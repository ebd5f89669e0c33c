package brokerservers

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// rheaVersion is pinned. rhea is an AMQP 1.0 library that can act as a server.
const rheaVersion = "3.0.5"

//go:embed servicebus.js
var serviceBusProgram []byte

// Settings that tests need.
const (
	// ServiceBusQueue is the URL of a queue next to the topic.
	ServiceBusQueue = "azuresb://wakeups-queue"
	serviceBusTopic = "wakeups"
)

// serviceBusConfig is the stand-in's argument.
type serviceBusConfig struct {
	Queues []string            `json:"queues"`
	Topics map[string][]string `json:"topics"` // with their subscriptions
	// Lock is how long a message is locked, in milliseconds.
	Lock int64 `json:"lock"`
	// Deliveries is the maximum number of failures of a message.
	Deliveries int `json:"deliveries"`
}

// ServiceBus starts our own stand-in for Azure Service Bus, since no emulator runs here.
// It proves how the Azure SDK and our drivers use AMQP, not how the service responds. It
// has one topic with a subscription, and a queue, with locks of two seconds. Its program
// is written to the folder.
func ServiceBus(ctx context.Context, folder string) (*Broker, error) {
	b, err := serviceBus(ctx, folder, serviceBusConfig{
		Queues: []string{"wakeups-queue"}, Topics: map[string][]string{serviceBusTopic: {"workers"}},
		Lock: (2 * time.Second).Milliseconds(), Deliveries: 100,
	})
	if err != nil {
		return nil, err
	}
	b.Topic, b.Subscription = "azuresb://"+serviceBusTopic, "azuresb://"+serviceBusTopic+"?subscription=workers"
	return b, nil
}

// ServiceBusForSuite is ServiceBus for Go CDK's suite: topics t0 to t29, each with the
// subscriptions s0 to s3. Its locks outlast the suite's timeouts, so every redelivered
// message was given back.
func ServiceBusForSuite(ctx context.Context, folder string) (*Broker, error) {
	topics := map[string][]string{}
	for i := range 30 {
		topics[fmt.Sprintf("t%d", i)] = []string{"s0", "s1", "s2", "s3"}
	}
	return serviceBus(ctx, folder, serviceBusConfig{Queues: []string{}, Topics: topics, Lock: time.Minute.Milliseconds(), Deliveries: 100})
}

func serviceBus(ctx context.Context, folder string, config serviceBusConfig) (*Broker, error) {
	modules, err := localserver.NodePackages(ctx, "rhea@"+rheaVersion)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(folder, "servicebus.js")
	if err := os.WriteFile(program, serviceBusProgram, 0o600); err != nil {
		return nil, err
	}
	argument, err := json.Marshal(config)
	if err != nil {
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
	p, err := localserver.Start(ctx, address, []string{"NODE_PATH=" + modules}, "node", program, port, string(argument))
	if err != nil {
		return nil, err
	}
	return &Broker{
		Name: "our own stand-in for Azure Service Bus on rhea " + rheaVersion, Address: address,
		Env: map[string]string{
			"SERVICEBUS_CONNECTION_STRING": fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=x;SharedAccessKey=eA==;UseDevelopmentEmulator=true", address),
		},
		stop: p.Stop,
	}, nil
}
