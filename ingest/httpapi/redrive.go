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
	req, err := redriveRequest(r.URL.RawQuery)
	if err != nil {
		return err
	}
	done, err := h.svc.RedriveAll(r.Context(), who, req)
	if err != nil {
		return err // what was redriven stays so, and the same request goes on behind it
	}
	writeJSON(w, http.StatusAccepted, redrivenBody{Redriven: done.Jobs, Skipped: done.Skipped, Next: done.Next})
	return nil
}

// redriveRequest reads a query strictly: what is mistyped must not select everything.
func redriveRequest(raw string) (req ingest.RedriveRequest, err error) {
	bad := func(message string) (ingest.RedriveRequest, error) {
		return ingest.RedriveRequest{}, &httpError{status: http.StatusBadRequest, message: message}
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return bad("Malformed query")
	}
	for name, values := range q {
		switch name {
		case "status", "code", "after", "before", "limit", "cursor":
		default:
			return bad("Unknown parameter; allowed are status, code, after, before, limit and cursor")
		}
		if len(values) > 1 || values[0] == "" {
			return bad("The parameter " + name + " must be there once, and not be empty")
		}
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
