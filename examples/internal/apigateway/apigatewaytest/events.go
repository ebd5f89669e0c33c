// Package apigatewaytest makes proxy events as AWS API Gateway sends them, and reads the
// responses.
package apigatewaytest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Request is a client's request to API Gateway.
type Request struct {
	Method, Path, Query, Body string
	Header                    http.Header
	Authorizer                string // the authorizer's result, as JSON
}

// REST returns the request as an event of a REST API, stage prod, format 1.0:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
func REST(t testing.TB, r Request) string {
	t.Helper()
	query, err := url.ParseQuery(r.Query)
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
		"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "path": "/prod" + r.Path, "httpMethod": r.Method,
		"domainName": "1234567890.execute-api.us-east-1.amazonaws.com", "resourcePath": "/{proxy+}",
		"identity": map[string]any{"sourceIp": "192.0.2.7", "userAgent": "test", "user": nil},
	}
	if r.Authorizer != "" {
		context["authorizer"] = json.RawMessage(r.Authorizer)
	}
	return encoded(t, map[string]any{
		"resource": "/{proxy+}", "path": r.Path, "httpMethod": r.Method, "headers": last(r.Header), "multiValueHeaders": r.Header,
		"queryStringParameters": last(query), "multiValueQueryStringParameters": query,
		"pathParameters": map[string]string{"proxy": strings.TrimPrefix(r.Path, "/")}, "stageVariables": nil,
		"requestContext": context, "body": r.Body, "isBase64Encoded": false,
	})
}

// HTTP returns the request as an event of an HTTP API, default stage, format 2.0:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func HTTP(t testing.TB, r Request) string {
	t.Helper()
	headers := map[string]string{}
	var cookies []string
	for name, values := range r.Header {
		if name == "Cookie" {
			cookies = values
			continue
		}
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	context := map[string]any{
		"accountId": "123456789012", "apiId": "api-id", "stage": "$default", "requestId": "JKJaXmPLvHcESHA=", "routeKey": "$default",
		"domainName": "id.execute-api.us-east-1.amazonaws.com", "domainPrefix": "id", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1583348638390,
		"http": map[string]any{"method": r.Method, "path": r.Path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "test"},
	}
	if r.Authorizer != "" {
		context["authorizer"] = json.RawMessage(r.Authorizer)
	}
	e := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": r.Path, "rawQueryString": r.Query, "headers": headers, "requestContext": context,
	}
	if cookies != nil {
		e["cookies"] = cookies
	}
	if r.Body != "" { // as for a content type that is binary to API Gateway
		e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(r.Body)), true
	}
	return encoded(t, e)
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// Response is a response as API Gateway reads it.
type Response struct {
	StatusCode        int
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              string
	IsBase64Encoded   bool
}

// Get returns the values of a header, in either format.
func (a *Response) Get(name string) string {
	return a.Headers[name] + strings.Join(a.MultiValueHeaders[name], "|")
}

// Decode decodes a response.
func Decode(t testing.TB, answer string) *Response {
	t.Helper()
	var a Response
	require.NoError(t, json.Unmarshal([]byte(answer), &a), answer)
	return &a
}
