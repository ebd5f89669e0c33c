package outage_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, refused := net.Dial("tcp", l.Addr().String())
	_, refusedHTTP := http.Get("http://" + l.Addr().String())
	expired, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, late := new(net.Dialer).DialContext(expired, "tcp", "127.0.0.1:1")
	for name, err := range map[string]error{
		"refused": refused, "refused, by HTTP": refusedHTTP, "time over": late, "deadline": context.DeadlineExceeded,
		"name": &net.DNSError{Err: "no such host", Name: "broker", IsNotFound: true}, "ended": fmt.Errorf("read: %w", io.EOF),
		"joined": errors.Join(errors.New("first"), refused),
	} {
		require.Error(t, err, name)
		require.True(t, outage.Unreachable(err), "%s: %v", name, err)
	}

	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	_, untrusted := http.Get(server.URL)
	server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	_, unknown := conn.Read(make([]byte, 1)) // TLS 1.3 reports it only now
	_ = conn.Close()
	for name, err := range map[string]error{
		"nothing": nil, "any": errors.New("no such queue"), "cancelled": context.Canceled, "untrusted": untrusted, "not known there": unknown,
		"URL": &url.Error{Op: "parse", Err: errors.New("invalid")},
	} {
		require.False(t, outage.Unreachable(err), "%s: %v", name, err)
	}
	require.Error(t, untrusted)
	require.Error(t, unknown)
}
