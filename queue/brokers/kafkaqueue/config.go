package kafkaqueue

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
)

// The environment variables for the brokers, as in Go CDK, and for user and password.
const (
	brokersVariable  = "KAFKA_BROKERS"
	userVariable     = "KAFKA_USERNAME"
	passwordVariable = "KAFKA_PASSWORD"
)

// configure returns the brokers and the client's configuration.
func configure(u *brokerurl.URL, change func(*sarama.Config)) ([]string, *sarama.Config, error) {
	var brokers []string
	for b := range strings.SplitSeq(os.Getenv(brokersVariable), ",") {
		if b = strings.TrimSpace(b); b != "" {
			brokers = append(brokers, b)
		}
	}
	if len(brokers) == 0 {
		return nil, nil, fmt.Errorf("%s must list the brokers: HOST:PORT, separated by commas", brokersVariable)
	}
	c := sarama.NewConfig()
	c.ClientID = "fhirdock"
	// A misspelled topic is an error, rather than created with one partition.
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.Full = false // don't fetch other topics
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = 5*time.Second, 10*time.Second, 10*time.Second

	c.Producer.Return.Successes = true          // Go CDK requires it
	c.Producer.RequiredAcks = sarama.WaitForAll // all in-sync replicas
	// Keep the order of retries. An idempotent producer would add nothing, since duplicate
	// wake-ups are harmless, and needs another permission on older brokers.
	c.Net.MaxOpenRequests = 1

	var err error
	if c.Net.TLS.Enable, err = u.Bool("tls", false); err != nil {
		return nil, nil, err
	}
	c.Net.TLS.Config = &tls.Config{MinVersion: tls.VersionTLS12}
	if err := authenticate(c, u.Params.Get("sasl")); err != nil {
		return nil, nil, err
	}
	if change != nil {
		change(c)
	}
	return brokers, c, nil
}

// authenticate sets the SASL mechanism of the URL, with the user of the environment.
func authenticate(c *sarama.Config, mechanism string) error {
	if mechanism == "" {
		return nil
	}
	s := &c.Net.SASL
	s.Enable, s.User, s.Password = true, os.Getenv(userVariable), os.Getenv(passwordVariable)
	if s.User == "" || s.Password == "" {
		return fmt.Errorf("with the parameter sasl, %s and %s must be set", userVariable, passwordVariable)
	}
	switch mechanism {
	case "plain":
		s.Mechanism = sarama.SASLTypePlaintext
		if !c.Net.TLS.Enable {
			return errors.New(`sasl=plain sends the password in the clear, and needs tls=true`)
		}
	case "scram-sha-256":
		s.Mechanism, s.SCRAMClientGeneratorFunc = sarama.SASLTypeSCRAMSHA256, newSCRAM256
	case "scram-sha-512":
		s.Mechanism, s.SCRAMClientGeneratorFunc = sarama.SASLTypeSCRAMSHA512, newSCRAM512
	default:
		return errors.New(`the parameter "sasl" must be plain, scram-sha-256 or scram-sha-512`)
	}
	return nil
}
