//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The gateway's own routes close connections whose bodies don't arrive, like the
// library's, which a test of package ingest covers.
func TestUnreadBodiesOfTheGatewaysRoutes(t *testing.T) {
	t.Parallel()
	_, api := gateway(t, t.TempDir(), "-notification-secret", "sixteen bytes....")
	_, worker := gateway(t, t.TempDir(), "-role", "worker")
	var requests sync.WaitGroup
	for _, base := range []string{api.Base, worker.Base} {
		for _, request := range []string{
			"GET /healthz", "GET /readyz", "GET /metrics", "POST /metrics", "OPTIONS /healthz", "HEAD /readyz", "GET /nowhere", "POST //v1//x",
			"PUT /v1/objects", "PUT /v1/objects/k", "POST /v1/notifications", "POST /v1/ingestion/fhir/Bundle", "GET /v1/ingestion/jobs",
		} {
			for _, body := range []struct{ header, dribble string }{
				{"Content-Length: 1000", ""}, {"Content-Length: 1000", " "}, {"Content-Length: 10000000", " "},
				{"Transfer-Encoding: chunked", ""}, {"Transfer-Encoding: chunked", "1\r\n \r\n"},
			} {
				requests.Go(func() {
					conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
					fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", request, body.header)
					go func() {
						for body.dribble != "" {
							time.Sleep(100 * time.Millisecond)
							if _, err := io.WriteString(conn, body.dribble); err != nil {
								return
							}
						}
					}()
					answer, err := io.ReadAll(conn)
					if nerr, ok := err.(net.Error); ok && nerr.Timeout() || len(answer) == 0 {
						t.Errorf("%s, %s %q: %d bytes of an answer, %v", request, body.header, body.dribble, len(answer), err)
					}
				})
			}
		}
	}
	requests.Wait()
}

// Eight uploads to one URL take the disk space of one. The others are refused before their
// body is read, with a response and not a broken connection.
func TestUploadsToOneURLTakeTheDiskOfOne(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	data := t.TempDir()
	_, c := gateway(t, data)
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
	require.NoError(t, err)
	statuses, sent := make(chan int, 8), make(chan struct{}, 8)
	var writers []*io.PipeWriter
	for range 8 {
		r, w := io.Pipe()
		writers = append(writers, w)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, ticket.UploadURL, r)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/fhir+ndjson")
		req.ContentLength = size + 1
		go func() {
			resp, err := http.DefaultClient.Do(req)
			switch {
			case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET): // refused while being sent
				statuses <- http.StatusConflict
			case err != nil:
				t.Error(err)
				statuses <- 0
			default:
				_ = resp.Body.Close()
				statuses <- resp.StatusCode
			}
		}()
		go func() {
			_, _ = w.Write(bytes.Repeat([]byte{'\n'}, size)) // ends early if the upload is refused
			sent <- struct{}{}
		}()
	}
	for range 7 {
		require.Equal(t, http.StatusConflict, <-statuses)
	}
	for range 8 {
		<-sent
	}
	require.Less(t, stored(t, data), int64(2*size))
	for _, w := range writers {
		_, _ = w.Write([]byte{'\n'})
	}
	require.Equal(t, http.StatusOK, <-statuses)
	require.Less(t, stored(t, data), int64(2*size))
}

// stored returns the total size of a folder's files.
func stored(t *testing.T, folder string) (n int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // removed meanwhile
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	}))
	return n
}
