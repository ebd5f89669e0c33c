package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// maxAnswer is Lambda's maximum response, in bytes of JSON:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxAnswer = 6 << 20

var errAnswerTooLarge = errors.New("the response is larger than Lambda's limit")

// answer is the http.ResponseWriter of one event.
type answer struct {
	header   http.Header
	status   int
	sent     http.Header // the header when the status was written
	body     bytes.Buffer
	tooLarge bool
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 { // others are informational
		a.status, a.sent = status, a.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(p) > maxAnswer {
		a.tooLarge = true
		return 0, errAnswerTooLarge
	}
	return a.body.Write(p)
}

// encode returns the response for API Gateway.
func (a *answer) encode(v2, head bool) ([]byte, error) {
	a.WriteHeader(http.StatusOK)
	if head {
		a.body.Reset()
	}
	raw, err := a.format(v2)
	if err != nil || len(raw) <= maxAnswer && !a.tooLarge {
		return raw, err
	}
	refused := &answer{header: http.Header{}}
	refused.header.Set("Content-Type", "application/json")
	refused.header.Set("X-Request-Id", a.sent.Get("X-Request-Id"))
	refused.WriteHeader(http.StatusInternalServerError)
	message, err := json.Marshal(map[string]string{
		"error": "The response is too large", "requestId": a.sent.Get("X-Request-Id"),
	})
	if err != nil {
		return nil, err
	}
	refused.body.Write(message)
	return refused.format(v2)
}

func (a *answer) format(v2 bool) ([]byte, error) {
	h := a.sent
	// Headers about the connection are between API Gateway and its client.
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length"} {
		h.Del(name)
	}
	body, isBase64 := a.body.String(), false
	if !utf8.ValidString(body) { // JSON strings are UTF-8
		body, isBase64 = base64.StdEncoding.EncodeToString(a.body.Bytes()), true
	}
	if !v2 {
		return json.Marshal(events.APIGatewayProxyResponse{StatusCode: a.status, MultiValueHeaders: h, Body: body, IsBase64Encoded: isBase64})
	}
	cookies := h["Set-Cookie"]
	h.Del("Set-Cookie")
	joined := make(map[string]string, len(h))
	for name, values := range h {
		joined[name] = strings.Join(values, ", ")
	}
	return json.Marshal(events.APIGatewayV2HTTPResponse{StatusCode: a.status, Headers: joined, Cookies: cookies, Body: body, IsBase64Encoded: isBase64})
}
