package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"

	"github.com/fhirdock/fhirdock/queue/brokers/rabbitqueue"
)

// openRabbit opens rabbit://EXCHANGE and rabbit://QUEUE, and has the queue bound to the
// exchange by either: until there is one, the broker gives messages back.
func (b *Backends) openRabbit(ctx context.Context, c Config) error {
	if c.Subscription != "" {
		topic, subscription := c.Topic, c.Subscription
		var err error
		if c.Topic, err = naming(topic, "queue", subscription); err != nil {
			return fmt.Errorf("open the topic: %w", err)
		}
		if c.Subscription, err = naming(subscription, "exchange", topic); err != nil {
			return fmt.Errorf("open the subscription: %w", err)
		}
	}
	return b.openBroker(ctx, c, rabbitqueue.OpenTopic, rabbitqueue.OpenSubscription)
}

// naming returns a URL with a parameter more, the name in another one. What is there
// already stays.
func naming(s, parameter, other string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", errors.New("that is not a URL")
	}
	o, err := url.Parse(other)
	if err != nil {
		return "", errors.New("that is not a URL")
	}
	if u.Query().Has(parameter) {
		return s, nil
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.Values{parameter: {path.Join(o.Host, o.Path)}}.Encode()
	return u.String(), nil
}
