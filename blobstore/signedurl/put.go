package signedurl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/internal/httpdigest"
)

// put stores an upload. The object is not visible until the whole body was received and
// checked.
func (h *handler) put(w http.ResponseWriter, r *http.Request, g *grant) {
	if !h.checkPut(w, r, g) {
		return
	}
	place, leave, ok := h.admit(w, r, g)
	if !ok {
		return
	}
	defer leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if g.policy.CreateOnly {
		// The write itself decides. This check saves a client that retries from sending
		// gigabytes first.
		if exists, err := h.bucket.Exists(ctx, g.key); err == nil && exists {
			h.refuse(w, r, http.StatusPreconditionFailed, "PreconditionFailed", existsMessage)
			return
		}
	}
	digests, err := httpdigest.Parse(r.Header)
	if err != nil {
		w.Header().Set("Want-Content-Digest", httpdigest.Want)
		h.refuse(w, r, http.StatusBadRequest, "InvalidDigest", "Malformed digest: "+err.Error())
		return
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	writer, err := h.bucket.NewWriter(ctx, g.key, &blob.WriterOptions{
		ContentType: contentType, Metadata: g.policy.Metadata,
		DisableContentTypeDetection: true, IfNotExist: g.policy.CreateOnly,
	})
	if err != nil {
		h.failed(w, r, g, "open writer", err)
		return
	}
	sum := sha256.New()
	body := &source{body: r.Body, place: place, ctx: ctx}
	_, err = io.Copy(io.MultiWriter(writer, sum, place), digests.Reader(body))
	if body.refused != nil {
		cancel() // so that Close discards the object
		_ = writer.Close()
		h.busy(w, r, body.refused)
		return
	}
	if err != nil && body.err == nil && !errors.Is(err, httpdigest.ErrMismatch) {
		cancel()
		_ = writer.Close()
		h.failed(w, r, g, "write object", err)
		return
	}
	if status, code, refused := body.wrong(err, r.ContentLength, g.policy.SHA256, hex.EncodeToString(sum.Sum(nil))); refused != "" {
		cancel() // so that Close discards the object
		_ = writer.Close()
		if errors.Is(body.err, httpbody.ErrStopped) {
			w.Header().Set("Retry-After", "1")
		}
		h.refuse(w, r, status, code, refused)
		return
	}
	if err := writer.Close(); err != nil {
		h.failed(w, r, g, "store object", err)
		return
	}
	h.stored(w, r, g, body.n)
}

// wrong returns why a body that was read is refused, with a status and an S3 error code,
// or "". err is the error from reading it, and digest its SHA-256.
func (b *source) wrong(err error, length int64, signed, digest string) (status int, code, refused string) {
	status = http.StatusBadRequest
	switch {
	case errors.Is(b.err, httpbody.ErrTooSlow):
		return http.StatusRequestTimeout, "RequestTimeout", "The body arrived too slowly, or not at all"
	case errors.Is(b.err, httpbody.ErrStopped):
		return http.StatusServiceUnavailable, "ServiceUnavailable", "The server ended the request before its body was complete; send it again"
	case b.err != nil:
		return status, "IncompleteBody", "The body ended before it was complete"
	case b.n != length:
		return status, "IncompleteBody", "The body is shorter than its Content-Length"
	case err != nil:
		return status, "BadDigest", "The body does not match the digest in its header"
	case signed != "" && signed != digest:
		return status, "BadDigest", "The body does not have the signed SHA-256"
	}
	return 0, "", ""
}

// checkPut checks what can be checked before the body is read.
func (h *handler) checkPut(w http.ResponseWriter, r *http.Request, g *grant) bool {
	p := g.policy
	contentType := r.Header.Get("Content-Type")
	encoding := strings.Join(r.Header.Values("Content-Encoding"), ", ") // one list (RFC 9110, section 5.3)
	switch {
	case p.ContentType != "" && contentType != p.ContentType:
		h.refuse(w, r, http.StatusForbidden, "SignatureDoesNotMatch", "The URL is signed for the Content-Type "+p.ContentType)
	case g.noType && contentType != "":
		h.refuse(w, r, http.StatusForbidden, "SignatureDoesNotMatch", "The URL is signed for no Content-Type")
	case len(r.Header.Values("Content-Type")) > 1:
		h.refuse(w, r, http.StatusBadRequest, "InvalidArgument", "There is more than one Content-Type")
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		h.refuse(w, r, http.StatusUnsupportedMediaType, "UnsupportedEncoding", "Send the file as it is, without a Content-Encoding")
	case len(r.Header.Values("Content-Range")) > 0: // RFC 9110, section 14.5
		h.refuse(w, r, http.StatusBadRequest, "InvalidArgument", "A PUT with Content-Range is not supported: it would store a part as the whole")
	case contentType != "" && !isMediaType(contentType):
		h.refuse(w, r, http.StatusBadRequest, "InvalidArgument", "The Content-Type is malformed")
	case r.ContentLength < 0, r.ContentLength == 0 && r.Header.Get("Content-Length") == "":
		// The latter is a client that forgot the body. An empty object would block the key
		// for the intended one.
		h.refuse(w, r, http.StatusLengthRequired, "MissingContentLength", "The Content-Length is missing")
	case p.MaxSize > 0 && r.ContentLength > p.MaxSize:
		h.refuse(w, r, http.StatusRequestEntityTooLarge, "EntityTooLarge", fmt.Sprintf("At most %d bytes are allowed", p.MaxSize))
	case p.Size > 0 && r.ContentLength != p.Size:
		h.refuse(w, r, http.StatusBadRequest, "InvalidLength", fmt.Sprintf("The URL is signed for %d bytes", p.Size))
	default:
		return true
	}
	return false
}

// isMediaType reports whether buckets accept a Content-Type.
func isMediaType(s string) bool {
	_, _, err := mime.ParseMediaType(s)
	return err == nil
}

// notifyTimeout bounds what the client waits for after its upload.
const notifyTimeout = 10 * time.Second

// stored notifies the pipeline and answers the client.
func (h *handler) stored(w http.ResponseWriter, r *http.Request, g *grant, size int64) {
	// The pipeline must be notified even if the client is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), notifyTimeout)
	defer cancel()
	created := notify.ObjectCreated{Key: g.key, Size: size, Time: time.Now().UTC()}
	if attrs, err := h.bucket.Attributes(ctx, g.key); err == nil && attrs.ETag != "" {
		created.ETag = strings.Trim(attrs.ETag, `"`)
		w.Header().Set("ETag", attrs.ETag)
	}
	if h.opts.OnCreated != nil {
		if err := h.opts.OnCreated(ctx, created); err != nil {
			h.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "notification of an upload failed", about(w, r, slog.Any("error", err))...)
		}
	}
	w.WriteHeader(http.StatusOK)
}

// turnsEvery is how many bytes of a body are read before its upload waits for a turn.
// Storing the object has a turn in any case, and writing fewer bytes is little work compared
// to that.
const turnsEvery = 8 << 20

// source reads a body and records its length and whether reading failed. Its upload has no
// turn while it waits for the client, and has one at the end of the body.
type source struct {
	body    io.Reader
	place   Place
	ctx     context.Context // of the upload
	n       int64
	err     error
	refused error // of a turn
}

func (s *source) Read(p []byte) (int, error) {
	s.place.Leave()
	n, err := s.body.Read(p)
	before := s.n
	s.n += int64(n)
	if err != io.EOF {
		s.err = err
	}
	if err == io.EOF || err == nil && s.n/turnsEvery > before/turnsEvery {
		if s.refused = s.place.Enter(s.ctx); s.refused != nil {
			return 0, s.refused
		}
	}
	return n, err
}
