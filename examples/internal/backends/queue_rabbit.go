package backends

import (
	"errors"
	"fmt"
	"net/url"
	"path"

	"github.com/fhirdock/fhirdock/queue/brokers/rabbitqueue"
)

var rabbitQueue = plainQueue(rabbitqueue.OpenTopic, rabbitqueue.OpenSubscription)

// bound has the queue bound to the exchange by either of them: until there is one, the
// broker gives messages back.
func bound(c Config) (Config, error) {
	if c.Subscription == "" {
		return c, nil
	}
	topic, subscription := c.Topic, c.Subscription
	var err error
	if c.Topic, err = naming(topic, "queue", subscription); err != nil {
		return c, fmt.Errorf("open the topic: %w", err)
	}
	if c.Subscription, err = naming(subscription, "exchange", topic); err != nil {
		return c, fmt.Errorf("open the subscription: %w", err)
	}
	return c, nil
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
