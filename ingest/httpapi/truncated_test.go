package httpapi_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// chunked encodes a body in two chunks, without the final one.
func chunked(body string) string {
	half := len(body) / 2
	return fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n", half, body[:half], len(body)-half, body[half:])
}

// An incomplete body is refused, even if the received part is a whole Bundle.
func TestBodiesThatAreCut(t *testing.T) {
	large := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":"` + strings.Repeat("x", 1500<<10) + `"}}]}`
	for size, body := range map[string]string{"small": small, "large": large} {
		length := fmt.Sprintf("Content-Length: %d\r\n", len(body)+1)
		for name, c := range map[string]struct{ headers, sent string }{
			"one byte short":                   {length, body},
			"far short":                        {length, body[:len(body)/2]},
			"nothing of it":                    {length, ""},
			"chunked, without its end":         {"Transfer-Encoding: chunked\r\n", chunked(body)},
			"chunked, half of its end":         {"Transfer-Encoding: chunked\r\n", chunked(body) + "0\r\n"},
			"chunked, in the middle of one":    {"Transfer-Encoding: chunked\r\n", chunked(body)[:len(body)/2]},
			"chunked, in the middle of a size": {"Transfer-Encoding: chunked\r\n", chunked(body) + "1"},
		} {
			t.Run(size+"/"+name, func(t *testing.T) {
				p := pipeline(t)
				conn, answer := raw(t, p, "Idempotency-Key: k\r\n"+c.headers, c.sent)
				require.NoError(t, conn.(*net.TCPConn).CloseWrite())
				require.Equal(t, 400, answer().StatusCode)
				requireNothing(t, p)
				// The sender's retry counts as the first request.
				_, answer = raw(t, p, fmt.Sprintf("Idempotency-Key: k\r\nContent-Length: %d\r\n", len(body)), body)
				require.Equal(t, 202, answer().StatusCode)
			})
		}
	}
}

// An incomplete upload is not an upload: its job continues to wait, and the same URL
// accepts the whole file.
func TestUploadsThatAreCut(t *testing.T) {
	file := strings.Repeat(`{"resourceType":"Patient","id":"p"}`+"\n", 10)
	for name, c := range map[string]struct{ headers, sent string }{
		"length":                   {fmt.Sprintf("Content-Length: %d\r\n", len(file)), file[:len(file)/2]},
		"at the end of a line":     {fmt.Sprintf("Content-Length: %d\r\n", len(file)), file[:len(file)/10]},
		"chunked, without its end": {"Transfer-Encoding: chunked\r\n", chunked(file)},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t)
			ticket := p.Client.Ticket(t, "application/fhir+ndjson")
			u, err := url.Parse(ticket.UploadURL)
			require.NoError(t, err)
			conn, err := net.Dial("tcp", u.Host)
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/fhir+ndjson\r\n%s\r\n%s", u.RequestURI(), u.Host, c.headers, c.sent)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer resp.Body.Close()
			require.GreaterOrEqual(t, resp.StatusCode, 400)

			p.Advance(t, time.Minute) // the sweeper looks, and finds nothing
			job, err := p.Jobs.Get(t.Context(), ticket.UploadID)
			require.NoError(t, err)
			require.Equal(t, jobs.AwaitingUpload, job.State)
			require.Equal(t, 200, p.Client.Put(t, ticket, []byte(file)).Status)
			job = p.Wait(t, ticket.UploadID)
			require.Equal(t, jobs.Completed, job.State)
			require.Len(t, p.Sink.Resources(), 10)
		})
	}
}
