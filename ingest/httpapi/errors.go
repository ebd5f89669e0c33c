package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// httpError is an error with its HTTP response.
type httpError struct {
	status  int
	message string
	header  map[string]string
	issues  []fhirbundle.Issue
	cause   error // for the log
	// code and reason are for the log line of a refused request. They contain nothing of
	// credentials, headers or the body. Default: see refusal.
	code, reason string
}

func (e *httpError) Error() string { return e.message }
func (e *httpError) Unwrap() error { return e.cause }

var errInternal = &httpError{status: http.StatusInternalServerError, message: "Internal server error"}

// retryAfter is the Retry-After in seconds if a back end does not answer.
const retryAfter = "5"

// statuses maps kinds of errors to statuses.
var statuses = []struct {
	kind   error
	status int
}{
	{ingest.ErrInvalid, http.StatusBadRequest},
	{ingest.ErrForbidden, http.StatusForbidden},
	{ingest.ErrNotFound, http.StatusNotFound},
	{ingest.ErrState, http.StatusConflict},
	{ingest.ErrInFlight, http.StatusConflict},
	{ingest.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{ingest.ErrMediaType, http.StatusUnsupportedMediaType},
	{ingest.ErrKeyReused, http.StatusUnprocessableEntity},
	{ingest.ErrTooMany, http.StatusTooManyRequests},
	{ingest.ErrUnavailable, http.StatusServiceUnavailable},
}

// bodyErrors are the responses to a body that was not read to its end in time.
var bodyErrors = []struct {
	kind   error
	answer *httpError
}{
	{httpbody.ErrTooSlow, &httpError{status: http.StatusRequestTimeout, message: "The request body came too slowly, or not at all"}},
	{httpbody.ErrStopped, &httpError{
		status: http.StatusServiceUnavailable, message: "The server ended the request before all of its body had come; send it again",
		header: map[string]string{"Retry-After": "1"}, cause: httpbody.ErrStopped,
	}},
}

// asHTTP returns the response to an error.
func asHTTP(err error) *httpError {
	for _, b := range bodyErrors {
		if errors.Is(err, b.kind) {
			return b.answer
		}
	}
	if r, ok := errors.AsType[*budget.Refusal](err); ok {
		return overBudget(r)
	}
	if e, ok := errors.AsType[*httpError](err); ok {
		return e
	}
	e, ok := errors.AsType[*ingest.Error](err)
	if !ok {
		return &httpError{status: errInternal.status, message: errInternal.message, cause: err}
	}
	for _, s := range statuses {
		if errors.Is(e.Kind, s.kind) {
			h := &httpError{status: s.status, message: e.Message, issues: e.Issues, cause: e.Err}
			switch s.kind {
			case ingest.ErrUnavailable, ingest.ErrTooMany:
				h.header = map[string]string{"Retry-After": retryAfter}
				if e.RetryAfter > 0 {
					h.header["Retry-After"] = strconv.FormatInt(int64(math.Ceil(e.RetryAfter.Seconds())), 10)
				}
			case ingest.ErrInFlight:
				h.header = map[string]string{"Retry-After": "1"}
			case ingest.ErrMediaType:
				h.header = map[string]string{"Accept-Encoding": "identity"}
			}
			return h
		}
	}
	return &httpError{status: errInternal.status, message: errInternal.message, cause: err}
}

// authError returns the response to a request that was not authenticated.
func (h *api) authError(err error) *httpError {
	e := &httpError{cause: err, reason: err.Error()}
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		e.status, e.message, e.code = http.StatusUnauthorized, "Authentication is required", "no-credentials"
	case errors.Is(err, auth.ErrInvalidToken):
		e.status, e.message, e.code = http.StatusUnauthorized, "The credentials are not valid", "invalid-token"
	case errors.Is(err, auth.ErrMalformed):
		e.status, e.message, e.code = http.StatusBadRequest, "The Authorization header is malformed", "malformed-credentials"
	case errors.Is(err, auth.ErrForbidden):
		e.status, e.message, e.code = http.StatusForbidden, "The caller may not do this", "forbidden"
	default:
		e.status, e.message = http.StatusServiceUnavailable, "Service unavailable, try again later"
		e.header = map[string]string{"Retry-After": retryAfter}
		return e
	}
	if challenge := auth.ChallengeOf(h.auth, err); challenge != "" {
		e.header = map[string]string{"WWW-Authenticate": challenge}
	}
	return e
}

// webhookError returns the response to a webhook that was not verified: always a 401. Only
// the log says that a body was too large or incomplete.
func (h *api) webhookError(err error) *httpError {
	e := &httpError{status: http.StatusUnauthorized, cause: err, reason: err.Error(),
		message: "The webhook-signature is not valid for this body", code: "webhook-signature"}
	switch {
	case errors.Is(err, auth.ErrTimestamp):
		e.message, e.code = "The webhook-timestamp is too far from now", "webhook-timestamp"
	case errors.Is(err, auth.ErrMalformed):
		e.message, e.code = "One of the headers webhook-id, webhook-timestamp and webhook-signature is missing or malformed", "webhook-headers"
	case errors.Is(err, errBodyLarge):
		e.code = "webhook-body"
	case errors.Is(err, errBody): // the connection's error contains addresses
		e.code, e.reason = "webhook-body", errBody.Error()
	}
	return e
}

// refusal returns a code and a reason to log for a refused request, which quote nothing of
// it. For a payload these are the rule and the offset of the first error.
func refusal(e *httpError) (code, reason string) {
	code, reason = e.code, e.reason
	for _, issue := range e.issues {
		if issue.Severity == fhirbundle.SeverityError {
			return issue.Code, fmt.Sprintf("at offset %d of the body", issue.Offset)
		}
	}
	if code == "" {
		code = strings.ReplaceAll(strings.ToLower(http.StatusText(e.status)), " ", "-")
	}
	if reason == "" {
		reason = e.message
	}
	return code, reason
}

type errorBody struct {
	Error     string             `json:"error"`
	RequestID string             `json:"requestId"`
	Issues    []fhirbundle.Issue `json:"issues,omitempty"`
}

// logFailure logs a request that failed through no fault of its sender: at WARN if a back
// end did not answer, at ERROR if the cause is unknown.
func (h *api) logFailure(r *http.Request, e *httpError) {
	attrs := []slog.Attr{slog.String("request", requestID(r.Context())), slog.Int("status", e.status), slog.Any("error", e.cause)}
	if e.status == http.StatusServiceUnavailable {
		h.failures.Log(r.Context(), h.opts.Logger, slog.LevelWarn, "request failed", attrs...)
		return
	}
	h.opts.Logger.LogAttrs(r.Context(), slog.LevelError, "request failed", attrs...)
}

// fail sends the response to an error.
func (h *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asHTTP(err)
	id := requestID(r.Context())
	if e.status >= 500 && e.code == "" {
		h.logFailure(r, e)
	} else if e.status >= 400 {
		noteRefusal(w, e)
	}
	for name, value := range e.header {
		w.Header().Set(name, value)
	}
	if e.status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		if challenge := auth.ChallengeOf(h.auth, auth.ErrNoCredentials); challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
	}
	if prefersFHIR(r.Header.Values("Accept")) {
		issues := e.issues
		if len(issues) == 0 {
			issues = []fhirbundle.Issue{{Code: outcomeCode(e.status), Severity: fhirbundle.SeverityError, Message: e.message}}
		}
		writeAs(w, e.status, "application/fhir+json", fhirbundle.NewOutcome(issues))
		return
	}
	writeAs(w, e.status, "application/json", errorBody{e.message, id, e.issues})
}

// outcomeCode returns the FHIR IssueType code for a status.
func outcomeCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "login"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not-found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusRequestEntityTooLarge:
		return "too-long"
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return "not-supported"
	case http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return "transient"
	case http.StatusTooManyRequests:
		return "throttled"
	case http.StatusInternalServerError:
		return "exception"
	}
	return "invalid"
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	writeAs(w, status, "application/json", body)
}

// writeAs writes JSON without escaping HTML characters: a URL stays as it is, so that a
// shell can cut it out of the response.
func writeAs(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = encodeTo(w, body) // fails only if the client is gone
}

func encodeTo(w io.Writer, body any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(body)
}
