package httpapi

import (
	"errors"
	"net/http"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/internal/httpdigest"
	"github.com/fhirdock/fhirdock/jobs"
)

type acceptedBody struct {
	JobID         string             `json:"jobId"`
	Status        jobs.State         `json:"status"`
	Message       string             `json:"message"`
	ResourceCount map[string]int64   `json:"resourceCount"`
	CreatedAt     timestamp          `json:"createdAt"`
	Issues        []fhirbundle.Issue `json:"issues,omitempty"`
}

func (h *api) postBundle(w http.ResponseWriter, r *http.Request, who ingest.Caller, _ string) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	return h.accept(w, r, who, ingest.AcceptRequest{Body: r.Body, IdempotencyKey: key})
}

// postWebhook accepts a Bundle whose sender is identified by a signature. The body is
// spooled until the signature has been verified; only then is the rest of the request
// checked. The idempotency key is the webhook-id: if the key were not signed, anyone who
// intercepts the message could have it processed twice.
func (h *api) postWebhook(w http.ResponseWriter, r *http.Request, rt *route) error {
	signed, err := h.opts.Webhooks.Begin(r)
	if err != nil {
		return h.webhookError(err)
	}
	if r.ContentLength > h.spools.limit {
		return h.webhookError(errBodyLarge)
	}
	kept, err := h.spools.take(r.Body, signed)
	if errors.Is(err, errBody) {
		return h.webhookError(err)
	}
	if err != nil {
		return err
	}
	defer kept.Close()
	if err := signed.Verify(); err != nil {
		return h.webhookError(err)
	}
	noteCaller(w, signed.Caller)
	if err := h.admit(w, r, rt, signed.Caller); err != nil {
		return err
	}
	if err := rt.checkQuery(r); err != nil {
		return err
	}
	return h.accept(w, r, signed.Caller, ingest.AcceptRequest{
		Body: kept, IdempotencyKey: signed.ID, KeyScope: "webhook-id/" + signed.Endpoint,
	})
}

// accept completes a request from its headers, passes it to the Service and answers it.
func (h *api) accept(w http.ResponseWriter, r *http.Request, who ingest.Caller, req ingest.AcceptRequest) (err error) {
	if req.ContentType, err = bundleType(r); err != nil {
		return err
	}
	promised, err := digests(r)
	if err != nil {
		return err
	}
	req.SHA256, req.Body = promised.SHA256(), promised.Reader(h.inTurn(w, r, req.Body))
	req.ContentEncoding, req.ContentLength = contentEncoding(r), r.ContentLength
	receipt, err := h.svc.Accept(r.Context(), who, req)
	if errors.Is(err, httpdigest.ErrMismatch) {
		return errDigest
	}
	if err != nil {
		return err
	}
	noteJob(w, receipt.Job.ID)
	path := jobPath(receipt.Job.ID)
	w.Header().Set("Location", h.location(path))
	w.Header().Set("Content-Location", h.absolute(path))
	writeJSON(w, http.StatusAccepted, acceptedBody{
		JobID: receipt.Job.ID, Status: jobs.Accepted, Message: "Bundle accepted for processing",
		ResourceCount: counts(receipt.Job.ResourceCounts), CreatedAt: timestamp(receipt.Job.CreatedAt), Issues: receipt.Warnings,
	})
	return nil
}

// counts returns a non-nil map, so that JSON has no null.
func counts(c map[string]int64) map[string]int64 {
	if c == nil {
		return map[string]int64{}
	}
	return c
}
