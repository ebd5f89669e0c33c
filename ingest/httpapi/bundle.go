package httpapi

import (
	"net/http"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

type acceptedBody struct {
	JobID         string             `json:"jobId"`
	Status        jobs.State         `json:"status"`
	Message       string             `json:"message"`
	ResourceCount map[string]int64   `json:"resourceCount"`
	CreatedAt     time.Time          `json:"createdAt"`
	Issues        []fhirbundle.Issue `json:"issues,omitempty"`
}

func (h *api) postBundle(w http.ResponseWriter, r *http.Request, who ingest.Caller, _ string) error {
	media, err := bundleType(r)
	if err != nil {
		return err
	}
	digest, err := contentDigest(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	b := h.body(w, r)
	receipt, err := h.svc.Accept(r.Context(), who, ingest.AcceptRequest{
		Body: b, ContentType: media, ContentEncoding: contentEncoding(r),
		ContentLength: r.ContentLength, SHA256: digest, IdempotencyKey: key,
	})
	if b.stalled {
		return errStalled
	}
	if err != nil {
		return err
	}
	noteJob(w, receipt.Job.ID)
	path := jobPath(receipt.Job.ID)
	w.Header().Set("Location", path)
	w.Header().Set("Content-Location", h.absolute(r, path))
	writeJSON(w, http.StatusAccepted, acceptedBody{
		JobID: receipt.Job.ID, Status: jobs.Accepted, Message: "Bundle accepted for processing",
		ResourceCount: counts(receipt.Job.ResourceCounts), CreatedAt: receipt.Job.CreatedAt, Issues: receipt.Warnings,
	})
	return nil
}

// counts is never null in JSON.
func counts(c map[string]int64) map[string]int64 {
	if c == nil {
		return map[string]int64{}
	}
	return c
}
