package httpapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
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
	IssueCount     int                `json:"issueCount,omitempty"` // in lists, instead of Issues
	Outputs        []jobs.Output      `json:"outputs,omitempty"`
}

type progressBody struct {
	Done       int64 `json:"done"`
	Rejected   int64 `json:"rejected"`
	Bytes      int64 `json:"bytes"`
	TotalBytes int64 `json:"totalBytes"`
}

func bodyOf(j *jobs.Job) jobBody {
	b := summaryOf(j)
	b.Issues = ingest.Issues(issuesOf(j))
	return b
}

// summaryOf returns a job without its issues.
func summaryOf(j *jobs.Job) jobBody {
	b := jobBody{
		JobID: j.ID, OrganizationID: j.OrganizationID, Status: j.State, Source: j.Source, Message: message(j),
		ResourceCount: counts(j.ResourceCounts), Attempt: j.Attempt,
		Progress:  progressBody{j.Progress.Done, j.Progress.Rejected, j.Progress.Offset, j.Payload.Size},
		CreatedAt: timestamp(j.CreatedAt), UpdatedAt: timestamp(j.UpdatedAt), StartedAt: given(j.StartedAt), FinishedAt: given(j.FinishedAt),
		Outputs: j.Outputs,
	}
	if j.Failure != nil {
		b.Error, b.ErrorCode = j.Failure.Message, j.Failure.Code
	}
	return b
}

// issuesOf returns the failure's issues if it has any, otherwise the warnings of acceptance.
func issuesOf(j *jobs.Job) json.RawMessage {
	if j.Failure != nil && len(j.Failure.Issues) > len("[]") {
		return j.Failure.Issues
	}
	return j.Issues
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
			return fmt.Sprintf("Attempt %d failed; another follows", j.Attempt)
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

// unfinished sets headers that say when to ask again and how far the job is.
func unfinished(w http.ResponseWriter, j *jobs.Job, now time.Time) {
	if j.State.Finished() {
		return
	}
	// A tenth of the job's age, so that clients don't poll a long job every second.
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

// hasTag reports whether If-None-Match has an entity tag: exactly, weakened by a proxy that
// compresses, or in a list (RFC 9110, section 13.1.2). Tags here have no commas.
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
	src := bufio.NewReaderSize(outcomes, 32<<10)
	if _, err := src.Peek(1); err != nil && err != io.EOF {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, src); err != nil {
		// The status was sent: only a closed connection tells the client.
		h.failures.Log(r.Context(), h.opts.Logger, slog.LevelWarn, "outcomes not sent",
			slog.String("request", requestID(r.Context())), slog.Any("error", asHTTP(err).cause))
		panic(http.ErrAbortHandler)
	}
	return nil
}
