package rabbitqueue

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

// server returns the URL of the server of all tests.
func server(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(cmp.Or(os.Getenv(serverVariable), "amqp://guest:guest@127.0.0.1:5672/"))
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	if errors.Is(err, syscall.ECONNREFUSED) && os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
		t.Skipf("SKIPPED: no RabbitMQ at %s", u.Host)
	}
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	return u
}

// A server that accepts a connection but does not answer is given up on.
func TestServerThatDoesNotAnswer(t *testing.T) {
	via := server(t)
	real := via.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		from, err := l.Accept()
		if err != nil {
			return
		}
		defer from.Close()
		to, err := net.Dial("tcp", real)
		if err != nil {
			return
		}
		defer to.Close()
		running.Go(func() { _, _ = io.Copy(from, to) })
		for buf := make([]byte, 4096); ; {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			if !bytes.Contains(buf[:n], []byte("no-answer")) { // drop the declaration
				if _, err := to.Write(buf[:n]); err != nil {
					return
				}
			}
		}
	})
	via.Host = l.Addr().String()
	t.Setenv(serverVariable, via.String())
	began := time.Now()
	_, err = dial("no-answer", "", 200*time.Millisecond)
	require.ErrorContains(t, err, "exchange no-answer")
	require.Less(t, time.Since(began), 10*time.Second, "sooner than heartbeats would end it")
}

func TestURLs(t *testing.T) {
	for name, test := range map[string]struct{ url, server, want string }{
		"no server":  {url: "rabbit://x", server: "no URL, s3cret", want: serverVariable + " must be"},
		"no name":    {url: "rabbit://", want: "rabbit:// and a name"},
		"user":       {url: "rabbit://user:s3cret@host/x", want: "rabbit:// and a name"},
		"parameters": {url: "rabbit://x?key_name=s3cret", want: `unknown parameter "key_name"; there are `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(serverVariable, cmp.Or(test.server, "amqp://user:s3cret@127.0.0.1:1/"))
			_, err := queue.OpenPublisher(t.Context(), test.url, nil)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "s3cret")
			_, err = queue.OpenSubscription(t.Context(), test.url, nil)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	for _, n := range []string{"0", "-1", "65536", "s3cret"} {
		_, err := queue.OpenSubscription(t.Context(), "rabbit://x?prefetch_count="+n, nil)
		require.ErrorContains(t, err, "from 1 to 65535")
	}
}

// passOn copies in both directions between a connection and a server until either ends.
func passOn(from net.Conn, address string) {
	defer from.Close()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		defer from.Close()
		defer to.Close()
		_, _ = io.Copy(from, to)
	}()
	_, _ = io.Copy(to, from)
}
