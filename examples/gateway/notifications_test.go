//go:build unix && !noaws

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

const secret = "a secret of the object store"

// sendNotification sends an S3 notification and returns the response's status.
func sendNotification(t *testing.T, base, query, authorization, bucket, key string) int {
	t.Helper()
	body := fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, bucket, key)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+gatewayflags.NotificationsPath+query, strings.NewReader(body))
	require.NoError(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// An upload that did not go through the gateway is accepted when the store notifies it,
// long before a sweep.
func TestNotifications(t *testing.T) {
	s := objectstores.Lend(t, objectstores.In(t.TempDir(), objectstores.S3))
	p, c := gateway(t, t.TempDir(), "-blob", s.URL, "-notification-secret", secret, "-sweep-every", "10m")
	const line = `{"resourceType":"Patient","id":"a"}`
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", int64(len(line)))
	require.NoError(t, err)
	bucket := strings.TrimPrefix(strings.Split(s.URL, "?")[0], "s3://")
	require.Equal(t, http.StatusNoContent, sendNotification(t, c.Base, "", "Bearer "+secret, bucket, ticket.Key), "before the upload")
	require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))

	require.Equal(t, http.StatusUnauthorized, sendNotification(t, c.Base, "", "", bucket, ticket.Key))
	require.Equal(t, http.StatusUnauthorized, sendNotification(t, c.Base, "?token=another+secret+of+this+length", "", bucket, ticket.Key))
	require.Equal(t, http.StatusNoContent, sendNotification(t, c.Base, "", "Bearer "+secret, "foreign", ticket.Key))
	job, err := c.Job(t.Context(), ticket.UploadID)
	require.NoError(t, err)
	require.Equal(t, "awaiting_upload", job.Status)

	for range 2 {
		require.Equal(t, http.StatusNoContent, sendNotification(t, c.Base, "?token="+strings.ReplaceAll(secret, " ", "+"), "", bucket, ticket.Key))
	}
	job = follow(t, c, ticket.UploadID)
	require.Equal(t, "completed", job.Status)
	require.Equal(t, 1, job.Attempt)
	for _, form := range []string{secret, strings.ReplaceAll(secret, " ", "+"), "another+secret"} {
		require.NotContains(t, p.Stderr.String(), form)
	}
	require.Contains(t, p.Stderr.String(), "route="+gatewayflags.NotificationsPath)
}

// A real S3 server sends the notifications.
func TestServerNotifies(t *testing.T) {
	var target atomic.Pointer[url.URL] // the gateway's, once it runs
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := target.Load(); u != nil {
			httputil.NewSingleHostReverseProxy(u).ServeHTTP(w, r)
		}
	}))
	defer front.Close()
	hook := front.URL + gatewayflags.NotificationsPath + "?token=" + url.QueryEscape(secret)
	s := objectstores.Lend(t, func(ctx context.Context) (*objectstores.Storage, error) {
		return objectstores.S3With(ctx, t.TempDir(), "--event-webhook-url", hook)
	})
	_, c := gateway(t, t.TempDir(), "-blob", s.URL, "-notification-secret", secret, "-sweep-every", "10m")
	u, err := url.Parse(c.Base)
	require.NoError(t, err)
	target.Store(u)
	const line = `{"resourceType":"Patient","id":"a"}`
	for range 3 {
		ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", int64(len(line)))
		require.NoError(t, err)
		require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
		require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
	}
}

// The same through a RabbitMQ queue to which the S3 server sends.
func TestServerNotifiesByQueue(t *testing.T) {
	queue := proctest.Lend(t, servers.Rabbit)
	name := strings.TrimPrefix(queue.Subscription, "rabbit://")
	s := objectstores.Lend(t, func(ctx context.Context) (*objectstores.Storage, error) {
		return objectstores.S3With(ctx, t.TempDir(), "--event-rabbitmq-url", os.Getenv("RABBIT_SERVER_URL"), "--event-rabbitmq-routing-key", name)
	})
	_, c := gateway(t, t.TempDir(), "-blob", s.URL, "-notifications", queue.Subscription, "-sweep-every", "10m")
	const line = `{"resourceType":"Patient","id":"a"}`
	for range 3 {
		ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", int64(len(line)))
		require.NoError(t, err)
		require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
		require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
	}
	p := proctest.Start(t, binary, "-addr", "127.0.0.1:0", "-data", t.TempDir(), "-notifications", "ftp://host/s3cret")
	require.Equal(t, 1, p.Exit(t, 20*time.Second))
	require.Contains(t, p.Stderr.String(), "open the queue of notifications: queue: unknown scheme ftp:; known are awssns")
	require.NotContains(t, p.Stderr.String(), "s3cret")
}

func TestNotificationsNeedASecret(t *testing.T) {
	_, c := gateway(t, t.TempDir())
	require.Equal(t, http.StatusNotFound, sendNotification(t, c.Base, "", "Bearer dev", "b", "k"))
	p := proctest.Start(t, binary, "-notification-secret", "short")
	require.Equal(t, 2, p.Exit(t, 10*time.Second))
	require.Contains(t, p.Stderr.String(), "fewer than 16 characters")
	require.NotContains(t, p.Stderr.String(), "short")
}
