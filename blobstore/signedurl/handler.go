package signedurl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/internal/loglimit"
	"github.com/fhirdock/fhirdock/internal/requestid"
)

// HandlerOptions are the options of [NewHandler]; nil, and zero fields, mean the defaults.
type HandlerOptions struct {
	// OnCreated is called after an upload was stored durably and before the client is
	// answered. An error is logged, and the client still gets a 200. Its context outlives
	// the request and ends after 10 seconds. Default: none.
	OnCreated func(ctx context.Context, created notify.ObjectCreated) error
	// Body limits how long a client may take to send a file and to read an answer. Uploads
	// that exceed a limit get 408. Default: those of [httpbody.Limits].
	Body httpbody.Limits
	// Admit decides whether to accept an upload before its body is read. key is the signed
	// key, whose owner is [blobstore.OrganizationOf], and bytes the size of the body. An
	// error that is a [Refusal] determines the answer. Admit must not wait, and must be safe
	// for concurrent use. An admitted upload calls Enter of its Place for each 8 MiB of its
	// body and before it is stored. Default: at most 128 concurrent uploads; others get 503.
	Admit func(key string, bytes int64) (Place, error)
	// Logger gets log lines for operators, with the X-Request-Id of the response and the job
	// of [blobstore.JobOf], never a URL's query. Of refused and failed
	// requests it gets [loglimit.PerMinute] lines per minute each, and others at DEBUG.
	// Default: slog.Default().
	Logger *slog.Logger
}

// NewHandler returns a handler that serves a Signer's URLs from a bucket, which the caller
// closes. It is an error if the bucket or the signer is nil, or an option is invalid.
func NewHandler(bucket *blob.Bucket, signer *Signer, opts *HandlerOptions) (http.Handler, error) {
	switch {
	case bucket == nil:
		return nil, errors.New("signedurl: the bucket is missing")
	case signer == nil:
		return nil, errors.New("signedurl: the Signer is missing")
	}
	h := &handler{bucket: bucket, signer: signer, keys: keys{taken: map[string]bool{}}}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Admit == nil {
		h.opts.Admit = make(places, maxPuts).admit
	}
	if h.opts.Logger == nil {
		h.opts.Logger = slog.Default()
	}
	bounded, err := httpbody.NewHandler(h, h.opts.Body)
	if err != nil {
		return nil, fmt.Errorf("signedurl: HandlerOptions.Body: %w", err)
	}
	return bounded, nil
}

type handler struct {
	bucket *blob.Bucket
	signer *Signer
	opts   HandlerOptions
	keys   keys

	refused, failures loglimit.Lines
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestid.Header, requestid.Of(r))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	method := r.Method
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodDelete:
	case http.MethodHead:
		method = http.MethodGet
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT, DELETE")
		h.refuse(w, r, http.StatusMethodNotAllowed, "MethodNotAllowed", "The method must be GET, HEAD, PUT or DELETE")
		return
	}
	g, err := h.signer.verify(r.URL)
	switch {
	case errors.Is(err, errExpired):
		h.refuse(w, r, http.StatusForbidden, "Expired", "The URL has expired; ask for a new one")
	case err != nil:
		h.refuse(w, r, http.StatusForbidden, "SignatureDoesNotMatch", "The URL was altered, or is not signed")
	case g.method != method:
		h.refuse(w, r, http.StatusForbidden, "SignatureDoesNotMatch", "The URL is signed for another method: "+g.method)
	case method == http.MethodPut:
		h.put(w, r, g)
	case method == http.MethodDelete:
		h.delete(w, r, g)
	default:
		h.get(w, r, g)
	}
}

func (h *handler) get(w http.ResponseWriter, r *http.Request, g *grant) {
	// The object may be replaced between reading its attributes and opening it. Retry, so
	// that headers and content are of the same object.
	var attrs *blob.Attributes
	var reader *blob.Reader
	for range 10 {
		var err error
		if attrs, err = h.bucket.Attributes(r.Context(), g.key); err != nil {
			h.failed(w, r, g, "read attributes", err)
			return
		}
		if reader, err = h.bucket.NewReader(r.Context(), g.key, nil); err != nil {
			h.failed(w, r, g, "open object", err)
			return
		}
		defer reader.Close()
		if attrs.ModTime.Equal(reader.ModTime()) && attrs.Size == reader.Size() {
			break
		}
		attrs = &blob.Attributes{}
	}
	header := w.Header()
	header.Set("Content-Type", reader.ContentType())
	for name, value := range map[string]string{
		"ETag": attrs.ETag, "Content-Encoding": attrs.ContentEncoding,
		"Content-Language": attrs.ContentLanguage, "Content-Disposition": attrs.ContentDisposition,
	} {
		if value != "" {
			header.Set(name, value)
		}
	}
	http.ServeContent(w, r, "", reader.ModTime(), reader) // ranges and conditions
}

func (h *handler) delete(w http.ResponseWriter, r *http.Request, g *grant) {
	if err := h.bucket.Delete(r.Context(), g.key); err != nil {
		h.failed(w, r, g, "delete object", err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

const existsMessage = "The object already exists, and the URL is only for creating it"

// failed answers after an error of the bucket, which is only logged.
func (h *handler) failed(w http.ResponseWriter, r *http.Request, g *grant, doing string, err error) {
	put := r.Method == http.MethodPut
	switch code := gcerrors.Code(err); {
	case code == gcerrors.NotFound && !put: // for a write it means that the bucket is missing
		h.refuse(w, r, http.StatusNotFound, "NoSuchKey", "There is no such object")
		return
	case code == gcerrors.FailedPrecondition && put && g.policy.CreateOnly:
		// Drivers and Go CDK also use this code for other failures, such as a closed
		// bucket. Exists fails then.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), notifyTimeout)
		defer cancel()
		if _, existsErr := h.bucket.Exists(ctx, g.key); existsErr == nil {
			h.refuse(w, r, http.StatusPreconditionFailed, "PreconditionFailed", existsMessage)
			return
		}
	case code == gcerrors.InvalidArgument:
		h.refuse(w, r, http.StatusBadRequest, "InvalidArgument", "The bucket can't store an object of that name")
		return
	}
	// Only the text, because slog's TextHandler would log the stack of Go CDK's errors too.
	if r.Context().Err() != nil { // the client is gone
		h.opts.Logger.LogAttrs(r.Context(), slog.LevelDebug, "request aborted by client",
			about(w, r, slog.String("doing", doing), slog.String("error", err.Error()))...)
	} else {
		h.failures.Log(r.Context(), h.opts.Logger, slog.LevelWarn, "bucket failed",
			about(w, r, slog.String("doing", doing), slog.String("error", err.Error()))...)
	}
	w.Header().Set("Retry-After", "5")
	h.refuse(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", "The object store is not available; nothing was stored")
}

// about adds to log attributes the request's id and the job in its path, if there is one.
// Nothing else of a key is logged: who chose it may have put a patient's name into it.
func about(w http.ResponseWriter, r *http.Request, attrs ...slog.Attr) []slog.Attr {
	attrs = append(attrs, slog.String("request", w.Header().Get(requestid.Header)))
	if job := blobstore.JobOf(r.URL.Path); job != "" {
		attrs = append(attrs, slog.String("job", job))
	}
	return attrs
}

// refuse answers with an error and logs it. A message contains nothing of the request.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if status < 500 {
		h.refused.Log(r.Context(), h.opts.Logger, slog.LevelInfo, "request of a signed URL refused",
			about(w, r, slog.Int("status", status), slog.String("code", code), slog.String("reason", message))...)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The error is ignored, because only the client would care.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message, "code": code})
}
