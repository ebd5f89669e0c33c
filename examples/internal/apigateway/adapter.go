// Package apigateway serves proxy events of AWS API Gateway with the front door's handler.
//
// It is our own because github.com/awslabs/aws-lambda-go-api-proxy is archived.
package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// Adapter converts an event to a request, and the response back. Requests carry the
// authorizer's result for auth.APIGateway.
type Adapter struct {
	// Front returns the handler for a front door that clients reach at base. Required.
	Front func(base *url.URL) (http.Handler, error)
	// PublicURL of the front door. Default: from each event.
	PublicURL *url.URL
}

// Invoke handles one event, in format 1.0 or 2.0, and returns the response in the same
// format. Its errors don't quote the event.
func (a Adapter) Invoke(ctx context.Context, raw []byte) ([]byte, error) {
	var e event
	if json.Unmarshal(raw, &e) != nil { // the error may quote the event
		return nil, errNoEvent
	}
	r, base, err := e.request(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case a.PublicURL != nil:
		base = a.PublicURL
	case base.Host == "": // links are paths
		base.Scheme = ""
	}
	front, err := a.Front(base)
	if err != nil {
		return nil, err
	}
	w := &answer{header: http.Header{}}
	front.ServeHTTP(w, r)
	return w.encode(e.isV2(), r.Method == http.MethodHead)
}

var errNoEvent = errors.New("not a proxy event of API Gateway, of payload format 1.0 or 2.0")
