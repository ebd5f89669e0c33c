package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// listJobs answers {"jobs": […], "next": "…"}. Jobs are encoded one by one while they are
// sent: a slow reader holds only the records of one page, whose size is bounded.
func (h *api) listJobs(w http.ResponseWriter, r *http.Request, who ingest.Caller, _ string) error {
	q := r.URL.Query()
	req := ingest.ListRequest{State: jobs.State(q.Get("status")), Code: q.Get("code"), Cursor: q.Get("cursor")}
	var err error
	if req.Limit, err = limit(q); err != nil {
		return err
	}
	page, err := h.svc.Jobs(r.Context(), who, req)
	if err != nil {
		return err
	}
	if page.Next != "" {
		q.Set("cursor", page.Next)
		w.Header().Set("Link", "<"+h.absolute(prefix+"/jobs?"+q.Encode())+`>; rel="next"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	before := `{"jobs":[`
	for i, j := range page.Jobs {
		page.Jobs[i] = nil // free it once it is sent
		_, _ = io.WriteString(w, before)
		if encodeTo(w, listedJob(j)) != nil {
			return nil // the client is gone
		}
		before = ","
	}
	if len(page.Jobs) == 0 {
		_, _ = io.WriteString(w, before)
	}
	end := "]}\n"
	if page.Next != "" {
		end = fmt.Sprintf("],\"next\":%q}\n", page.Next) // a cursor needs no escaping
	}
	_, _ = io.WriteString(w, end)
	return nil
}

// listedJob returns a job for lists: with the number of its issues instead of the issues.
func listedJob(j *jobs.Job) jobBody {
	b := summaryOf(j)
	var issues []struct{}
	if json.Unmarshal(issuesOf(j), &issues) == nil {
		b.IssueCount = len(issues)
	}
	return b
}

// limit returns the query's limit; 0 if there is none.
func limit(q url.Values) (int, error) {
	s := q.Get("limit")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, &httpError{status: http.StatusBadRequest, message: fmt.Sprintf("limit must be from 1 to %d", jobs.MaxPage)}
	}
	return n, nil
}
