package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

type redrivenBody struct {
	Redriven int    `json:"redriven"`
	Skipped  int    `json:"skipped"`
	Next     string `json:"next,omitempty"`
}

func (h *api) redriveAll(w http.ResponseWriter, r *http.Request, who ingest.Caller, _ string) error {
	req, err := redriveRequest(r.URL.Query())
	if err != nil {
		return err
	}
	done, err := h.svc.RedriveAll(r.Context(), who, req)
	if err != nil {
		return err // redriven jobs stay redriven, and the same request continues
	}
	writeJSON(w, http.StatusAccepted, redrivenBody{Redriven: done.Jobs, Skipped: done.Skipped, Next: done.Next})
	return nil
}

func redriveRequest(q url.Values) (req ingest.RedriveRequest, err error) {
	bad := func(message string) (ingest.RedriveRequest, error) {
		return ingest.RedriveRequest{}, &httpError{status: http.StatusBadRequest, message: message}
	}
	if q.Get("status") != string(jobs.Failed) {
		return bad("status must be failed: no other jobs are redriven together")
	}
	for name, t := range map[string]*time.Time{"after": &req.After, "before": &req.Before} {
		if s := q.Get(name); s != "" {
			if *t, err = time.Parse(time.RFC3339Nano, s); err != nil {
				return bad(name + " must be a time as RFC 3339 has it")
			}
		}
	}
	if req.Limit, err = limit(q); err != nil {
		return ingest.RedriveRequest{}, err
	}
	req.Code, req.Cursor = q.Get("code"), q.Get("cursor")
	return req, nil
}
