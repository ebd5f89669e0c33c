package kafkaqueue

import (
	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// conversation implements sarama.SCRAMClient.
type conversation struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

func newSCRAM256() sarama.SCRAMClient { return &conversation{hash: scram.SHA256} }
func newSCRAM512() sarama.SCRAMClient { return &conversation{hash: scram.SHA512} }

// Begin implements sarama.SCRAMClient.
func (c *conversation) Begin(user, password, authorization string) error {
	client, err := c.hash.NewClient(user, password, authorization)
	if err != nil {
		return err
	}
	c.ClientConversation = client.NewConversation()
	return nil
}
