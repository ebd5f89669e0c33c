package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/internal/httpdigest"
)

// maxUploadRequest bounds the JSON of a request for an upload URL, in bytes.
const maxUploadRequest = 64 << 10

type ticketBody struct {
	UploadID  string            `json:"uploadId"`
	UploadURL string            `json:"uploadUrl"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	ExpiresIn int64             `json:"expiresIn"` // seconds
	ExpiresAt timestamp         `json:"expiresAt"`
	Bucket    string            `json:"bucket"`
	Key       string            `json:"key"`
	S3Bucket  string            `json:"s3Bucket,omitempty"`
	S3Key     string            `json:"s3Key,omitempty"`
	// Instructions are keyed "1", "2" and so on.
	Instructions map[string]string `json:"instructions"`
}

func (h *api) postUploadURL(w http.ResponseWriter, r *http.Request, who ingest.Caller, _ string) error {
	if enc := contentEncoding(r); enc != "" && !strings.EqualFold(enc, "identity") {
		return &httpError{
			status: http.StatusUnsupportedMediaType, message: "Unsupported Content-Encoding; send the body as it is",
			header: map[string]string{"Accept-Encoding": "identity"},
		}
	}
	promised, err := digests(r)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(promised.Reader(h.inTurn(w, r, r.Body)), maxUploadRequest+1))
	switch {
	case errors.Is(err, httpdigest.ErrMismatch):
		return errDigest
	case err != nil:
		return &httpError{status: http.StatusBadRequest, message: "Request body ended before it was complete", cause: err}
	case len(raw) > maxUploadRequest:
		return &httpError{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("Request body is larger than %d bytes", maxUploadRequest)}
	}
	req, err := uploadRequest(raw)
	if err != nil {
		return err
	}
	if req.IdempotencyKey, err = idempotencyKey(r); err != nil {
		return err
	}
	ticket, err := h.svc.SignUpload(r.Context(), who, req)
	if err != nil {
		return err
	}
	job, signed := ticket.Job, ticket.Upload
	noteJob(w, job.ID)
	t := ticketBody{
		UploadID: job.ID, UploadURL: signed.URL, Method: signed.Method, Headers: signed.Headers,
		ExpiresIn: int64(ticket.ExpiresIn / time.Second), ExpiresAt: timestamp(signed.ExpiresAt),
		Bucket: job.Payload.Bucket, Key: job.Payload.Key,
		Instructions: instructions(ticket, h.absolute(jobPath(job.ID))),
	}
	if ticket.S3 {
		t.S3Bucket, t.S3Key = t.Bucket, t.Key
	}
	w.Header().Set("Location", h.location(jobPath(job.ID)))
	writeJSON(w, http.StatusOK, t)
	return nil
}

// uploadRequest parses the request's JSON; an empty body means the defaults.
func uploadRequest(raw []byte) (ingest.UploadRequest, error) {
	var req ingest.UploadRequest
	bad := func(message string) (ingest.UploadRequest, error) {
		return ingest.UploadRequest{}, &httpError{status: http.StatusBadRequest, message: message}
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return ingest.UploadRequest{}, nil
	}
	// encoding/json accepts bad UTF-8 and duplicate names.
	if err := fhirbundle.CheckJSON(raw, nil); err != nil {
		return bad(err.Error())
	}
	// Match names exactly: encoding/json matches them in any case, and the last one would
	// win.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return bad("The request body must be a JSON object with contentType, contentLength and sha256, all of them optional")
	}
	for _, m := range []struct {
		name, want string
		into       any
	}{
		{"contentType", "a string", &req.ContentType},
		{"contentLength", "a whole number of bytes", &req.ContentLength},
		{"sha256", "a string", &req.SHA256},
	} {
		if value, ok := members[m.name]; ok && json.Unmarshal(value, m.into) != nil {
			return bad(m.name + " must be " + m.want)
		}
	}
	return req, nil
}
