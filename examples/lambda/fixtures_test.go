package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// request is a client's request to API Gateway.
type request struct {
	method, path, query, body string
	header                    http.Header
	authorizer                string // the authorizer's result, as JSON
}

// restEvent returns the request as an event of a REST API, stage prod, format 1.0:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
func restEvent(t testing.TB, r request) string {
	t.Helper()
	query, err := url.ParseQuery(r.query)
	require.NoError(t, err)
	last := func(values map[string][]string) map[string]string {
		m := map[string]string{}
		for name, v := range values {
			m[name] = v[len(v)-1]
		}
		return m
	}
	context := map[string]any{
		"accountId": "123456789012", "apiId": "1234567890", "resourceId": "123456", "stage": "prod", "protocol": "HTTP/1.1",
		"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "path": "/prod" + r.path, "httpMethod": r.method,
		"domainName": "1234567890.execute-api.us-east-1.amazonaws.com", "resourcePath": "/{proxy+}",
		"identity": map[string]any{"sourceIp": "192.0.2.7", "userAgent": "test", "user": nil},
	}
	if r.authorizer != "" {
		context["authorizer"] = json.RawMessage(r.authorizer)
	}
	return encoded(t, map[string]any{
		"resource": "/{proxy+}", "path": r.path, "httpMethod": r.method, "headers": last(r.header), "multiValueHeaders": r.header,
		"queryStringParameters": last(query), "multiValueQueryStringParameters": query,
		"pathParameters": map[string]string{"proxy": strings.TrimPrefix(r.path, "/")}, "stageVariables": nil,
		"requestContext": context, "body": r.body, "isBase64Encoded": false,
	})
}

// httpEvent returns the request as an event of an HTTP API, default stage, format 2.0:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func httpEvent(t testing.TB, r request) string {
	t.Helper()
	headers := map[string]string{}
	var cookies []string
	for name, values := range r.header {
		if name == "Cookie" {
			cookies = values
			continue
		}
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	context := map[string]any{
		"accountId": "123456789012", "apiId": "api-id", "stage": "$default", "requestId": "JKJaXmPLvHcESHA=", "routeKey": "$default",
		"domainName": "id.execute-api.us-east-1.amazonaws.com", "domainPrefix": "id", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1583348638390,
		"http": map[string]any{"method": r.method, "path": r.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "test"},
	}
	if r.authorizer != "" {
		context["authorizer"] = json.RawMessage(r.authorizer)
	}
	e := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": r.path, "rawQueryString": r.query, "headers": headers, "requestContext": context,
	}
	if cookies != nil {
		e["cookies"] = cookies
	}
	if r.body != "" { // as for a content type that is binary to API Gateway
		e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(r.body)), true
	}
	return encoded(t, e)
}

// authorizers has each kind of authorizer and its result.
var authorizers = map[string]struct {
	event func(testing.TB, request) string
	says  string // %q: the organization
}{
	"REST, Lambda authorizer": {restEvent, `{"principalId":"alice","organizationId":%q,"integrationLatency":"12"}`},
	"REST, Cognito":           {restEvent, `{"claims":{"sub":"alice","organizationId":%q}}`},
	"HTTP, JWT":               {httpEvent, `{"jwt":{"claims":{"sub":"alice","organizationId":%q},"scopes":null}}`},
	"HTTP, Lambda authorizer": {httpEvent, `{"lambda":{"userId":"alice","organizationId":%q}}`},
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

// answered is a response as API Gateway reads it.
type answered struct {
	StatusCode        int
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              string
	IsBase64Encoded   bool
}

func (a *answered) get(name string) string {
	return a.Headers[name] + strings.Join(a.MultiValueHeaders[name], "|")
}

func decoded(t testing.TB, answer string) *answered {
	t.Helper()
	var a answered
	require.NoError(t, json.Unmarshal([]byte(answer), &a), answer)
	return &a
}

// said returns an authorizer's result for a caller of an organization.
func said(says, organization string) string { return fmt.Sprintf(says, organization) }
