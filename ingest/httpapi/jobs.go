package httpapi

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

type jobBody struct {
	JobID          string             `json:"jobId"`
	OrganizationID string             `json:"organizationId"`
	Status         jobs.State         `json:"status"`
	Source         jobs.Source        `json:"source"`
	Message        string             `json:"message"`
	ResourceCount  map[string]int64   `json:"resourceCount"`
	Progress       progressBody       `json:"progress"`
	Attempt        int                `json:"attempt"`
	CreatedAt      timestamp          `json:"createdAt"`
	UpdatedAt      timestamp          `json:"updatedAt"`
	StartedAt      *timestamp         `json:"startedAt,omitempty"`
	FinishedAt     *timestamp         `json:"finishedAt,omitempty"`
	Error          string             `json:"error,omitempty"`
	ErrorCode      string             `json:"errorCode,omitempty"`
	Issues         []fhirbundle.Issue `json:"issues,omitempty"`
	Outputs        []jobs.Output      `json:"outputs,omitempty"`
}

type progressBody struct {
	Done       int64 `json:"done"`
	Rejected   int64 `json:"rejected"`
	Bytes      int64 `json:"bytes"`
	TotalBytes int64 `json:"totalBytes"`
}

func bodyOf(j *jobs.Job) jobBody {
	b := jobBody{
		JobID: j.ID, OrganizationID: j.OrganizationID, Status: j.State, Source: j.Source, Message: message(j),
		ResourceCount: counts(j.ResourceCounts), Attempt: j.Attempt,
		Progress:  progressBody{j.Progress.Done, j.Progress.Rejected, j.Progress.Offset, j.Payload.Size},
		CreatedAt: timestamp(j.CreatedAt), UpdatedAt: timestamp(j.UpdatedAt), StartedAt: given(j.StartedAt), FinishedAt: given(j.FinishedAt),
		Issues: ingest.Issues(j.Issues), Outputs: j.Outputs,
	}
	if j.Failure != nil {
		b.Error, b.ErrorCode = j.Failure.Message, j.Failure.Code
		if issues := ingest.Issues(j.Failure.Issues); len(issues) > 0 {
			b.Issues = issues
		}
	}
	return b
}

func message(j *jobs.Job) string {
	switch j.State {
	case jobs.AwaitingUpload:
		return "Waiting for the upload"
	case jobs.Accepted:
		if !j.WaitingSince.IsZero() {
			return "Waiting until " + j.NotBefore.UTC().Format(queue.TimeFormat) + ", because the payload's target asked for it"
		}
		if j.Failure != nil {
			return fmt.Sprintf("Attempt %d of %d failed; another follows", j.Attempt, j.MaxAttempts)
		}
		return "Waiting to be processed"
	case jobs.Processing:
		return "Being processed"
	case jobs.Completed:
		if n := j.Progress.Rejected; n > 0 {
			return fmt.Sprintf("Processed; %d rejected, see outcomes", n)
		}
		return "Processed"
	case jobs.Failed:
		return "Failed"
	case jobs.Expired:
		return "The upload URL expired before a file came"
	case jobs.Cancelled:
		return "Cancelled"
	}
	return ""
}

// unfinished tells a client when to ask again and how far the job is.
func unfinished(w http.ResponseWriter, j *jobs.Job, now time.Time) {
	if j.State.Finished() {
		return
	}
	// A tenth of the job's age: a long job is not asked for each second.
	wait := min(max(1, int(now.Sub(j.CreatedAt)/(10*time.Second))), 30)
	if j.State == jobs.Accepted && !j.WaitingSince.IsZero() {
		wait = max(wait, int(math.Ceil(j.NotBefore.Sub(now).Seconds())))
	}
	w.Header().Set("Retry-After", strconv.Itoa(wait))
	progress := strings.ReplaceAll(string(j.State), "_", " ")
	if j.State == jobs.Processing && j.Payload.Size > 0 {
		progress += fmt.Sprintf(", %d%% of bytes", 100*j.Progress.Offset/j.Payload.Size)
	}
	w.Header().Set("X-Progress", progress)
}

func (h *api) getJob(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error {
	job, err := h.svc.Job(r.Context(), who, id)
	if err != nil {
		return err
	}
	tag := `"` + strconv.FormatInt(job.Revision, 10) + `"`
	w.Header().Set("ETag", tag)
	unfinished(w, job, time.Now())
	if hasTag(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	writeJSON(w, http.StatusOK, bodyOf(job))
	return nil
}

// hasTag reports whether If-None-Match has an entity tag: as it is, weak as a proxy that
// compresses makes it, or in a list (RFC 9110, section 13.1.2). Tags here have no commas.
func hasTag(lines []string, tag string) bool {
	for _, line := range lines {
		for given := range strings.SplitSeq(line, ",") {
			if given = strings.TrimSpace(given); given == "*" || strings.TrimPrefix(given, "W/") == tag {
				return true
			}
		}
	}
	return false
}

type listBody struct {
	Jobs []jobBody `json:"jobs"`
	Next string    `json:"next,omitempty"`
}

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
	body := listBody{Jobs: make([]jobBody, len(page.Jobs)), Next: page.Next}
	for i, j := range page.Jobs {
		body.Jobs[i] = bodyOf(j)
	}
	if page.Next != "" {
		q.Set("cursor", page.Next)
		w.Header().Set("Link", "<"+h.absolute(prefix+"/jobs?"+q.Encode())+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, body)
	return nil
}

// limit is a query's limit; 0 where it has none.
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

func (h *api) cancelJob(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error {
	job, err := h.svc.Cancel(r.Context(), who, id)
	if err != nil {
		return err
	}
	noteJob(w, job.ID)
	writeJSON(w, http.StatusAccepted, bodyOf(job))
	return nil
}

func (h *api) redriveJob(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error {
	job, err := h.svc.Redrive(r.Context(), who, id)
	if err != nil {
		return err
	}
	noteJob(w, job.ID)
	w.Header().Set("Location", h.location(jobPath(id)))
	writeJSON(w, http.StatusAccepted, bodyOf(job))
	return nil
}

func (h *api) getOutcomes(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error {
	outcomes, err := h.svc.Outcomes(r.Context(), who, id)
	if err != nil {
		return err
	}
	defer outcomes.Close()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, outcomes); err != nil {
		// The status is out: only a cut connection tells the client.
		h.opts.Logger.ErrorContext(r.Context(), "outcomes not sent", "request", requestID(r.Context()), "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
