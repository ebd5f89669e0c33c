//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// senders send payloads, each one at a time, until stop is called.
type senders struct {
	ledger     *ledger
	bases      []string
	backlogged func() bool
	keys       bool // an Idempotency-Key for every payload
	stopped    chan struct{}
	given      atomic.Bool
	running    sync.WaitGroup
}

// startSenders starts clients of both kinds, half of which keep their connections. They
// pause while the workers have a backlog. With keys each payload has an Idempotency-Key:
// if the job store's response may be lost, a 503 does not say whether the job was
// recorded, and only a retry with a key yields the same job.
func startSenders(l *ledger, bases []string, backlogged func() bool, keys bool, r *rand.Rand) *senders {
	s := &senders{ledger: l, bases: bases, backlogged: backlogged, keys: keys, stopped: make(chan struct{})}
	for i := range 4 {
		s.start(fmt.Sprintf("b%dx", i), newClient(i%2 == 0), rand.New(rand.NewPCG(r.Uint64(), 0)), (*sender).bundle)
	}
	for i := range 2 {
		s.start(fmt.Sprintf("u%dx", i), newClient(i%2 == 0), rand.New(rand.NewPCG(r.Uint64(), 0)), (*sender).file)
	}
	return s
}

// stop waits until each sender knows the outcome of its last payload. That needs a running
// gateway.
func (s *senders) stop() {
	close(s.stopped)
	s.running.Wait()
}

// giveUp is stop without a running gateway.
func (s *senders) giveUp() {
	s.given.Store(true)
	s.stop()
}

func (s *senders) start(name string, c *client, r *rand.Rand, send func(*sender, string)) {
	one := &sender{senders: s, client: c, rand: r}
	s.running.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-s.stopped:
				return
			case <-time.After(time.Duration(5+r.IntN(40)) * time.Millisecond):
			}
			if s.backlogged() {
				continue
			}
			send(one, fmt.Sprintf("%s%d", name, n))
		}
	})
}

// sender is one client.
type sender struct {
	*senders
	client *client
	rand   *rand.Rand
}

// ask sends a request, and repeats it after a refused connection or a Retry-After. With
// again it also repeats a request whose response was lost; otherwise it returns without a
// response.
func (s *sender) ask(what, method, url string, header map[string]string, body []byte, again bool) answer {
	for {
		a := s.client.send(method, url, header, body)
		s.ledger.count(what, a)
		if !a.later && !a.refused && (a.status != 0 || !again) || s.given.Load() {
			return a
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *sender) base() string { return s.bases[s.rand.IntN(len(s.bases))] }

func (s *sender) header(contentType, key string) map[string]string {
	h := map[string]string{"Authorization": "Bearer dev", "Content-Type": contentType}
	if key != "" {
		h["Idempotency-Key"] = key
	}
	return h
}

// key returns an Idempotency-Key for a third of the payloads, or for all.
func (s *sender) key(name string) string {
	if s.rand.IntN(3) > 0 && !s.keys {
		return ""
	}
	return fmt.Sprintf("%s-%x", name, s.rand.Uint64())
}

// bundle sends a Bundle by webhook.
func (s *sender) bundle(name string) {
	p := newBundle(s.rand, name)
	s.ledger.sending(p)
	key := s.key(name)
	repeats := 1
	if key != "" && s.rand.IntN(3) == 0 {
		repeats = 2
	}
	for range repeats {
		a := s.ask("a Bundle", http.MethodPost, s.base()+"/v1/ingestion/fhir/Bundle", s.header("application/fhir+json", key), p.body, key != "")
		var receipt struct{ JobID string }
		switch {
		case a.status == 0: // unknown whether it was accepted
		case a.status != http.StatusAccepted || json.Unmarshal(a.body, &receipt) != nil || receipt.JobID == "":
			s.ledger.found("response to a Bundle: %d: %s", a.status, a.body)
		default:
			s.ledger.acknowledged(p, receipt.JobID)
		}
	}
}

// file sends an NDJSON file to a signed URL.
func (s *sender) file(name string) {
	p := newFile(s.rand, name)
	s.ledger.sending(p)
	key := s.key(name)
	asked := fmt.Appendf(nil, `{"contentType":"application/fhir+ndjson","contentLength":%d}`, len(p.body))
	a := s.ask("an upload URL", http.MethodPost, s.base()+"/v1/ingestion/upload-url", s.header("application/json", key), asked, key != "")
	var ticket struct {
		UploadID, UploadURL, Key string
		Headers                  map[string]string
	}
	switch {
	case a.status == 0, a.status == http.StatusConflict: // expired while the response was missing
		return
	case a.status != http.StatusOK || json.Unmarshal(a.body, &ticket) != nil:
		s.ledger.found("response to an upload URL: %d: %s", a.status, a.body)
		return
	}
	s.ledger.ticket(p, ticket.UploadID, ticket.Key)
	again := s.rand.IntN(2) == 0
	a = s.ask("an upload", http.MethodPut, ticket.UploadURL, ticket.Headers, p.body, again)
	switch {
	case a.ok():
		s.ledger.acknowledged(p, ticket.UploadID)
	case again && a.status == http.StatusPreconditionFailed:
		// The object exists: the response to an earlier request was lost.
		s.ledger.acknowledged(p, ticket.UploadID)
	case a.status == http.StatusForbidden: // the URL expired while no gateway was running
	case a.status != 0:
		s.ledger.found("response to an upload: %d: %s", a.status, a.body)
	}
}
