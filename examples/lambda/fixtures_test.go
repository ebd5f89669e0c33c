package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/apigateway/apigatewaytest"
)

// authorizers has each kind of authorizer and its result.
var authorizers = map[string]struct {
	event func(testing.TB, apigatewaytest.Request) string
	says  string // %q: the organization
}{
	"REST, Lambda authorizer": {apigatewaytest.REST, `{"principalId":"alice","organizationId":%q,"integrationLatency":"12"}`},
	"REST, Cognito":           {apigatewaytest.REST, `{"claims":{"sub":"alice","organizationId":%q}}`},
	"HTTP, JWT":               {apigatewaytest.HTTP, `{"jwt":{"claims":{"sub":"alice","organizationId":%q},"scopes":null}}`},
	"HTTP, Lambda authorizer": {apigatewaytest.HTTP, `{"lambda":{"userId":"alice","organizationId":%q}}`},
}

// s3Event is a notification of S3:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func s3Event(t testing.TB, name, bucket, key string) string {
	t.Helper()
	return encoded(t, map[string]any{"Records": []any{map[string]any{
		"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-11-01T00:00:00.000Z", "eventName": name,
		"userIdentity": map[string]any{"principalId": "AWS:EXAMPLE"}, "requestParameters": map[string]any{"sourceIPAddress": "192.0.2.7"},
		"responseElements": map[string]any{"x-amz-request-id": "EXAMPLE123456789"},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": "uploads",
			"bucket": map[string]any{"name": bucket, "ownerIdentity": map[string]any{"principalId": "EXAMPLE"}, "arn": "arn:aws:s3:::" + bucket},
			"object": map[string]any{"key": url.QueryEscape(key), "size": 1, "eTag": "0123456789abcdef0123456789abcdef", "sequencer": "0A1B2C3D4E5F678901"},
		},
	}}})
}

// message is a message of a FIFO queue.
type message struct{ id, group, body string }

// sqsEvent is a batch of messages:
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func sqsEvent(t testing.TB, messages ...message) string {
	t.Helper()
	records := []any{}
	for _, m := range messages {
		attributes := map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1573251510774", "SenderId": "AIDAIO23YVJENQZJOL4VO",
			"ApproximateFirstReceiveTimestamp": "1573251510774"}
		arn := "arn:aws:sqs:us-east-1:123456789012:wake-ups"
		if m.group != "" {
			attributes["MessageGroupId"], attributes["MessageDeduplicationId"], attributes["SequenceNumber"] = m.group, m.id, "18849496460467696128"
			arn += ".fifo"
		}
		records = append(records, map[string]any{
			"messageId": m.id, "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", "body": m.body, "attributes": attributes,
			"messageAttributes": map[string]any{}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
			"eventSourceARN": arn, "awsRegion": "us-east-1",
		})
	}
	return encoded(t, map[string]any{"Records": records})
}

// scheduleEvent is an event of an EventBridge schedule:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
const scheduleEvent = `{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event","source":"aws.events",` +
	`"account":"123456789012","time":"2026-11-01T00:00:00Z","region":"us-east-1",` +
	`"resources":["arn:aws:events:us-east-1:123456789012:rule/sweep"],"detail":{}}`

func encoded(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// said returns an authorizer's result for a caller of an organization.
func said(says, organization string) string { return fmt.Sprintf(says, organization) }
