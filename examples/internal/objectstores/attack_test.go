package objectstores_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// attack is a misuse of a signed upload.
type attack struct {
	name string
	// ask changes the honest client's request, which is for the exact length and digest of
	// the payload.
	ask func(*ingesttest.TicketRequest)
	// make turns the honest request into the requests to send instead.
	make func(honest request) []request
	// bound reports whether the store must refuse it, given what it enforces. Nil:
	// always.
	bound func(blobstore.Enforced) bool
	// harmless: if it is not refused, its change is ignored and the job completes.
	// Otherwise the job fails.
	harmless bool
}

var (
	payload = []byte(`{"resourceType":"Patient","id":"good"}` + "\n")
	evil    = []byte(`{"resourceType":"Patient","id":"evil"}` + "\n") // same length
	longer  = append(slices.Clone(payload), evil...)
)

func one(change func(*request)) func(request) []request {
	return func(r request) []request {
		r.headers = maps.Clone(r.headers)
		change(&r)
		return []request{r}
	}
}

func with(name, value string) func(request) []request {
	return one(func(r *request) { r.headers[name] = value })
}

// noDigest removes the digest, which would also bind the length.
func noDigest(r *ingesttest.TicketRequest) { r.SHA256 = "" }

func never(blobstore.Enforced) bool { return false }

// attackList returns all attacks on a service whose metadata headers begin with prefix.
func attackList(prefix string) []attack {
	other := func(query string) func(*request) {
		return func(r *request) { r.url += query }
	}
	list := []attack{
		{name: "another key", make: one(func(r *request) { r.url = strings.Replace(r.url, ".ndjson", "x.ndjson", 1) })},
		{name: "a later expiry", make: one(func(r *request) {
			for _, name := range []string{"X-Amz-Expires=", "X-Goog-Expires=", "se=20"} {
				r.url = strings.Replace(r.url, name, name+"9", 1)
			}
		})},
		{name: "an altered signature", make: one(func(r *request) {
			for _, name := range []string{"X-Amz-Signature=", "X-Goog-Signature=", "sig="} {
				if before, after, ok := strings.Cut(r.url, name); ok {
					flipped := byte('0')
					if after[0] == '0' {
						flipped = '1'
					}
					r.url = before + name + string(flipped) + after[1:]
				}
			}
		})},
		{name: "another type", make: with("Content-Type", "text/html"),
			bound: func(e blobstore.Enforced) bool { return e.ContentType }},
		{name: "no type", make: one(func(r *request) { delete(r.headers, "Content-Type") }),
			bound: func(e blobstore.Enforced) bool { return e.ContentType }},
		{name: "a longer body", ask: noDigest, make: one(func(r *request) { r.body = longer }),
			bound: func(e blobstore.Enforced) bool { return e.Size }},
		{name: "a shorter body", ask: noDigest, make: one(func(r *request) { r.body = payload[:10] }),
			bound: func(e blobstore.Enforced) bool { return e.Size }},
		{name: "an empty body", ask: noDigest, make: one(func(r *request) { r.body = nil }),
			bound: func(e blobstore.Enforced) bool { return e.Size }},
		{name: "a body above the limit", ask: func(r *ingesttest.TicketRequest) { *r = ingesttest.TicketRequest{ContentType: ndjson} },
			make:  one(func(r *request) { r.body = longer }),
			bound: func(e blobstore.Enforced) bool { return e.MaxSize }},
		{name: "another body", make: one(func(r *request) { r.body = evil }),
			bound: func(e blobstore.Enforced) bool { return e.SHA256 }},
		{name: "another body and its digest", make: one(func(r *request) {
			r.body = evil
			raw, _ := hex.DecodeString(digest(evil))
			r.headers["X-Amz-Checksum-Sha256"] = base64.StdEncoding.EncodeToString(raw)
		}), bound: func(e blobstore.Enforced) bool { return e.SHA256 }},
		{name: "other metadata", make: with(prefix+"Job_id", "other"), harmless: true,
			bound: func(e blobstore.Enforced) bool { return e.Metadata }},
		{name: "more metadata", make: with(prefix+"More", "other"), harmless: true,
			bound: func(e blobstore.Enforced) bool { return e.Metadata }},
		{name: "no create-only", make: one(func(r *request) {
			delete(r.headers, "If-None-Match")
			delete(r.headers, "X-Goog-If-Generation-Match")
		}), harmless: true, bound: func(e blobstore.Enforced) bool { return e.Metadata }},
		{name: "a content encoding", make: one(func(r *request) {
			r.headers["Content-Encoding"] = "br"
			if prefix == "X-Ms-Meta-" {
				r.headers["X-Ms-Blob-Content-Encoding"] = "br" // Azurite accepts no other
			}
		}), bound: never},
		{name: "the start of an upload in parts", make: one(func(r *request) { r.method = "POST"; r.url += "&uploads" })},
	}
	for _, method := range []string{"GET", "DELETE", "POST"} {
		list = append(list, attack{name: "method " + method, make: one(func(r *request) { r.method, r.body = method, nil })})
	}
	switch prefix {
	case "X-Amz-Meta-":
		list = append(list,
			attack{name: "a part of an upload in parts", make: one(other("&uploadId=1&partNumber=1"))},
			attack{name: "a copy of another object", make: with("X-Amz-Copy-Source", "/versioned/read/a.json")},
			attack{name: "a public object", make: with("X-Amz-Acl", "public-read")},
		)
	case "X-Goog-Meta-":
		list = append(list,
			attack{name: "a resumable upload", make: with("X-Goog-Resumable", "start")},
			attack{name: "a public object", make: with("X-Goog-Acl", "public-read")},
		)
	case "X-Ms-Meta-":
		block := base64.StdEncoding.EncodeToString([]byte("block-1"))
		list = append(list,
			attack{name: "in blocks, longer", make: func(r request) []request {
				blocks := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><BlockList><Latest>%s</Latest></BlockList>`, block)
				return []request{
					{"PUT", r.url + "&comp=block&blockid=" + strings.ReplaceAll(block, "=", "%3D"), nil, longer},
					{"PUT", r.url + "&comp=blocklist", map[string]string{"X-Ms-Blob-Content-Type": ndjson}, []byte(blocks)},
				}
			}},
			attack{name: "an append blob", make: one(func(r *request) { r.headers["X-Ms-Blob-Type"] = "AppendBlob"; r.body = nil }), bound: never},
			attack{name: "no blob type", make: one(func(r *request) { delete(r.headers, "X-Ms-Blob-Type") })},
		)
	}
	return list
}

func metaPrefix(headers map[string]string) string {
	for name := range headers {
		if prefix, ok := strings.CutSuffix(name, "Job_id"); ok {
			return prefix
		}
	}
	return ""
}

// attacks runs each attack on its own ticket, through the whole pipeline.
func attacks(t *testing.T, b *opened) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Store: b.store, Service: ingest.Options{MaxUploadBytes: int64(len(longer)) - 1},
	})
	enforced := b.store.Enforces()
	ticket := func(t *testing.T, ask func(*ingesttest.TicketRequest)) (ingesttest.Ticket, request) {
		t.Helper()
		asked := ingesttest.TicketRequest{ContentType: ndjson, ContentLength: int64(len(payload)), SHA256: digest(payload)}
		if ask != nil {
			ask(&asked)
		}
		ticket := p.Client.TicketFor(t, asked)
		require.Equal(t, b.store.Name(), ticket.Bucket)
		return ticket, as(ticket.Method, ticket.UploadURL, ticket.Headers, payload)
	}
	// arrived notifies the pipeline and returns the finished job.
	arrived := func(t *testing.T, ticket ingesttest.Ticket) *jobs.Job {
		t.Helper()
		require.NoError(t, p.Service.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: ticket.Bucket, Key: ticket.Key}))
		return p.Wait(t, ticket.UploadID)
	}
	honest := func(t *testing.T, ticket ingesttest.Ticket, r request) {
		t.Helper()
		status, answer := r.send(t)
		require.Less(t, status, 300, answer)
		job := arrived(t, ticket)
		require.Equal(t, jobs.Completed, job.State, job.Failure)
	}
	refused := func(t *testing.T, r request) {
		t.Helper()
		status, answer := r.send(t)
		require.GreaterOrEqual(t, status, 400, answer)
		require.Less(t, status, 500, answer)
	}
	try := func(a attack) {
		t.Run(a.name, func(t *testing.T) {
			ticket, r := ticket(t, a.ask)
			sent := a.make(r)
			if a.bound == nil || a.bound(enforced) {
				for _, attempt := range sent {
					refused(t, attempt)
				}
				_, err := b.store.Attributes(t.Context(), ticket.Key)
				require.ErrorIs(t, err, blobstore.ErrNotFound, "something was stored")
				honest(t, ticket, r) // so the refusal was caused by the attack
				return
			}
			for _, attempt := range sent {
				status, answer := attempt.send(t)
				require.Less(t, status, 300, answer)
			}
			job := arrived(t, ticket)
			if a.harmless {
				require.Equal(t, jobs.Completed, job.State, job.Failure)
				return
			}
			require.Equal(t, jobs.Failed, job.State)
			require.Equal(t, "upload-mismatch", job.Failure.Code)
		})
	}
	_, sample := ticket(t, nil)
	for _, a := range attackList(metaPrefix(sample.headers)) {
		try(a)
	}
	for _, name := range slices.Sorted(maps.Keys(sample.headers)) {
		if name == "Content-Length" { // always sent
			continue
		}
		try(attack{name: "without " + http.CanonicalHeaderKey(name), make: one(func(r *request) { delete(r.headers, name) }),
			harmless: name != "Content-Type", bound: func(b blobstore.Enforced) bool {
				return name == "X-Ms-Blob-Type" || b.ContentType // services bind all of their headers or none
			}})
	}
	t.Run("a second upload", func(t *testing.T) {
		ticket, r := ticket(t, nil)
		honest(t, ticket, r)
		refused(t, r)
		again := r
		again.body = evil
		refused(t, again)
		stored, err := b.store.Bucket().ReadAll(t.Context(), ticket.Key)
		require.NoError(t, err)
		require.True(t, bytes.Equal(payload, stored), "it was replaced")
	})
	for _, r := range p.Sink.Resources() {
		require.NotEqual(t, "evil", r.ID, "something of an attack was handed over")
	}
}
