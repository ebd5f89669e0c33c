package notify

import (
	"encoding/json"
	"net/url"
	"strings"
)

// SubscriptionRequest is SNS's request to confirm the subscription of an endpoint to a
// topic.
type SubscriptionRequest struct {
	// TopicARN is the topic, as claimed by the sender: compare it with your topics before
	// you confirm.
	TopicARN string
	// Token for SNS's ConfirmSubscription.
	Token string
	// SubscribeURL confirms the subscription when it is fetched. It is an https URL of
	// sns.{region}.amazonaws.com or sns.{region}.amazonaws.com.cn.
	SubscribeURL string
}

// readSNS decodes a message in the envelope of SNS, from an SQS queue without raw message
// delivery, or over HTTPS. The envelope's Message is the notification as a string: an event
// message of S3, or an event of EventBridge. The signature is not checked; see
// [HandlerOptions].
//
// Schema: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html.
func readSNS(body []byte, envelopes int) (message, error) {
	m, ok := members(body, "Type", "Message", "TopicArn", "Token", "SubscribeURL")
	if !ok || m["TopicArn"] == nil {
		return message{}, notA("an SNS message in JSON, which has a TopicArn")
	}
	switch str(m["Type"]) {
	case "Notification":
		return read([]byte(str(m["Message"])), nil, envelopes+1)
	case "SubscriptionConfirmation":
		var answer message
		answer.ignore(Subscription)
		answer.subscribe = subscriptionRequest(m)
		return answer, nil
	case "UnsubscribeConfirmation":
		var answer message
		answer.ignore(Subscription)
		return answer, nil
	}
	return message{}, notA("an SNS message of a known type")
}

// subscriptionRequest returns nil if the URL is not one of SNS, so that no sender can make
// the program fetch an arbitrary URL.
func subscriptionRequest(m map[string]json.RawMessage) *SubscriptionRequest {
	r := &SubscriptionRequest{TopicARN: str(m["TopicArn"]), Token: str(m["Token"]), SubscribeURL: str(m["SubscribeURL"])}
	u, err := url.Parse(r.SubscribeURL)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || !isSNSHost(u.Host) {
		return nil
	}
	if len(r.TopicARN) > maxName || len(r.Token) > maxName || len(r.SubscribeURL) > maxKey {
		return nil
	}
	return r
}

// isSNSHost reports whether a host is SNS in a region, without a port.
func isSNSHost(host string) bool {
	region, ok := strings.CutPrefix(host, "sns.")
	if !ok {
		return false
	}
	region, ok = strings.CutSuffix(strings.TrimSuffix(region, ".cn"), ".amazonaws.com")
	if !ok || region == "" {
		return false
	}
	for _, c := range region {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
