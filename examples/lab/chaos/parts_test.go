//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// A cut request is distinguished from a refused one, and neither is repeated.
func TestClient(t *testing.T) {
	for _, keep := range []bool{true, false} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			switch r.URL.Path {
			case "/cut":
				panic(http.ErrAbortHandler)
			case "/half":
				w.Header().Set("Content-Length", "10")
				_, _ = w.Write([]byte("half"))
			}
		}))
		c := newClient(keep)
		header := map[string]string{"Idempotency-Key": "x"} // which allows net/http to retry
		require.Equal(t, 200, c.send(http.MethodPost, server.URL+"/", header, []byte("x")).status)
		for _, path := range []string{"/cut", "/half"} {
			asked.Store(0)
			a := c.send(http.MethodPost, server.URL+path, header, []byte("x"))
			require.Zero(t, a.status)
			require.False(t, a.refused)
			require.Error(t, a.err)
			require.EqualValues(t, 1, asked.Load())
		}
		server.Close()
		require.True(t, c.send(http.MethodPost, server.URL+"/", header, []byte("x")).refused)
	}
}

func TestLedger(t *testing.T) {
	l := newLedger()
	p := &payload{name: "a", good: 1}
	l.sending(p)
	l.acknowledged(p, "j")
	l.acknowledged(p, "j")
	require.Empty(t, l.findings)
	l.acknowledged(p, "k")
	require.Len(t, l.findings, 1)

	l.mayCut(true)
	l.count("x", answer{err: net.ErrClosed})
	l.mayCut(false)
	l.count("x", answer{refused: true})
	l.count("x", answer{status: 500})
	require.Len(t, l.findings, 1)
	l.count("x", answer{err: net.ErrClosed})
	require.Len(t, l.findings, 2)
	require.Equal(t, []int{1, 1, 1, 1}, []int{l.answered, l.refused, l.cut, l.cutAllowed})
}

// The entry describes the payload correctly.
func TestPayloads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		b := newBundle(r, "b")
		report, err := fhirbundle.ValidateBytes(b.body, nil)
		require.NoError(t, err)
		require.NoError(t, report.Err())
		require.EqualValues(t, b.good, report.Entries)

		f := newFile(r, "f")
		good, bad := 0, 0
		for line := range bytes.Lines(f.body) {
			if !json.Valid(line) {
				bad++
				continue
			}
			name, i, ok := nameIn(line)
			require.True(t, ok)
			require.Equal(t, "f", name)
			require.Equal(t, good, i)
			good++
		}
		require.Equal(t, []int{f.good, f.bad}, []int{good, bad})
	}
	for _, line := range []string{``, `{}`, `{"id":"x"}`, `{"id":"x-y"}`, `{"id":"x-1`} {
		_, _, ok := nameIn([]byte(line))
		require.False(t, ok, line)
	}
}

func TestWatch(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1000, 0).Add(time.Duration(s) * time.Second) }
	job := func(attempt int, state jobs.State, due int) *jobs.Job {
		return &jobs.Job{ID: "j", Attempt: attempt, State: state, DueAt: at(due)}
	}
	for name, test := range map[string]struct {
		up    int
		steps []*jobs.Job // one a second, from 0
		waits []time.Duration
		again int
	}{
		"nothing happens":           {steps: []*jobs.Job{job(1, jobs.Processing, 5), job(1, jobs.Processing, 6), job(1, jobs.Completed, 0)}},
		"claimed anew":              {steps: []*jobs.Job{job(1, jobs.Processing, 1), job(1, jobs.Processing, 1), job(1, jobs.Processing, 1), job(2, jobs.Processing, 9)}, waits: []time.Duration{2 * time.Second}},
		"rescued, and then claimed": {steps: []*jobs.Job{job(1, jobs.Processing, 1), job(1, jobs.Accepted, 9), job(2, jobs.Processing, 9)}, waits: []time.Duration{time.Second}},
		"after a restart":           {up: 2, steps: []*jobs.Job{job(1, jobs.Processing, 1), job(1, jobs.Processing, 1), job(1, jobs.Processing, 1), job(2, jobs.Processing, 9)}, waits: []time.Duration{time.Second}},
		"rescued before it":         {up: 2, steps: []*jobs.Job{job(1, jobs.Processing, 1), job(1, jobs.Accepted, 1), job(1, jobs.Accepted, 1), job(2, jobs.Processing, 9)}, again: 1},
		"given back":                {steps: []*jobs.Job{job(1, jobs.Processing, 1), job(0, jobs.Accepted, 1), job(1, jobs.Processing, 9)}},
	} {
		w := newWatch(nil, 0)
		w.up = at(test.up)
		for i, j := range test.steps {
			w.step(j, at(i))
		}
		waits, again := w.recoveries()
		require.Equal(t, test.waits, waits, name)
		require.Equal(t, test.again, again, name)
	}
}

// /readyz may say either while a fault begins or ends.
func TestReadyInAFault(t *testing.T) {
	began := time.Now()
	fault := faultRun{began: began, mending: began.Add(2 * time.Second), ended: began.Add(4 * time.Second)}
	for sent, found := range map[time.Duration]int{-time.Second: 0, 500 * time.Millisecond: 0, 1500 * time.Millisecond: 1, 1999 * time.Millisecond: 0, 3 * time.Second: 0, 5 * time.Second: 0} {
		l := newLedger()
		p := &probe{ledger: l, patience: 1, ready: []asked{{began.Add(sent), 10 * time.Millisecond, http.StatusOK}}}
		f := fault
		p.judge(&f)
		require.Len(t, l.findings, found, "/readyz %s after the fault began", sent)
	}
}
