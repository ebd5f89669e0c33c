package httpbody_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
)

// paced is a body of which a piece arrives after each interval.
type paced struct {
	left, piece int
	interval    time.Duration
}

func (p *paced) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(p.interval)
	n := min(p.piece, p.left, len(b))
	p.left -= n
	return n, nil
}

// How long bodies may take by default, with synctest's clock. Without a connection a body
// ends at the read after its deadline.
func TestBodiesMayBeSlow(t *testing.T) {
	for name, c := range map[string]struct {
		body   paced
		length int64         // Content-Length
		busy   time.Duration // of the server, between reads
		end    time.Duration // when it was too slow; 0 if never
	}{
		"fast":                             {body: paced{64 << 20, 32 << 10, time.Millisecond}, length: 64 << 20},
		"at 1 KiB/s":                       {body: paced{200 << 10, 512, 500 * time.Millisecond}, length: 200 << 10},
		"a little slower":                  {body: paced{400 << 10, 512, 550 * time.Millisecond}, length: 400 << 10, end: 330 * time.Second},
		"much slower":                      {body: paced{200 << 10, 1, time.Second}, length: 200 << 10, end: 31 * time.Second},
		"a pause shorter than Stall":       {body: paced{1000, 1000, 29 * time.Second}, length: 1000},
		"bursts":                           {body: paced{1 << 20, 30 << 10, 29 * time.Second}, length: 8 << 20},
		"stalls after a fast start":        {body: paced{1000, 600, 31 * time.Second}, length: 1000, end: 31 * time.Second},
		"complete, above the minimum rate": {body: paced{4 << 20, 3 << 10, 2 * time.Second}, length: 1 << 20, end: 430 * time.Second},
		"the same with twice the length":   {body: paced{4 << 20, 3 << 10, 2 * time.Second}, length: 2 << 20, end: 558 * time.Second},
		"the same without a length":        {body: paced{4 << 20, 3 << 10, 2 * time.Second}, length: -1, end: 370 * time.Second},
		"read by a slow server":            {body: paced{100, 1, time.Second}, length: 100, busy: time.Hour, end: 31 * time.Second},
		"large pieces by a slow server":    {body: paced{1 << 20, 32 << 10, time.Second}, length: 1 << 20, busy: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var waited time.Duration
				var end error
				h, err := httpbody.NewHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					began, b := time.Now(), make([]byte, 64<<10)
					for end == nil {
						time.Sleep(c.busy)
						began = began.Add(c.busy)
						_, end = r.Body.Read(b)
					}
					waited = time.Since(began)
				}), httpbody.Limits{})
				require.NoError(t, err)
				r := httptest.NewRequest("PUT", "/", &c.body)
				r.ContentLength = c.length
				h.ServeHTTP(httptest.NewRecorder(), r)
				if c.end == 0 {
					require.ErrorIs(t, end, io.EOF)
					return
				}
				require.ErrorIs(t, end, httpbody.ErrTooSlow)
				require.InDelta(t, c.end.Seconds(), waited.Seconds(), 3)
			})
		})
	}
}
