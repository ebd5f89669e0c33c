package httpapi

import (
	"context"
	"io"
	"net/http"
	"slices"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// unknownLength is how many bytes a body without a Content-Length counts as until more
// have been read.
const unknownLength = 1 << 20

// admit charges an authenticated request to its organization's budget, before the body is
// read. The place is released at the end of the request.
func (h *api) admit(w http.ResponseWriter, r *http.Request, rt *route, who ingest.Caller) error {
	req := budget.Request{Organization: who.OrganizationID, List: slices.Contains(rt.params, "limit")}
	if rt.pattern == prefix+bundleRoute {
		if req.Bytes = r.ContentLength; req.Bytes < 0 {
			req.Bytes = unknownLength
		}
	}
	place, err := h.opts.Budget.Admit(req)
	if err != nil {
		return err
	}
	notePlace(w, place)
	return nil
}

// working makes an endpoint without a body wait for its request's turn. The turn ends when
// the response begins.
func working(do endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error {
		if err := placeOf(w).Enter(r.Context()); err != nil {
			return err
		}
		return do(w, r, who, id)
	}
}

// turnsAt is how many bytes of a body are read before its request waits for its turn: as
// many as the Service buffers by default before it parses any of them.
const turnsAt = 1 << 20

// turnReader reads a body. From turnsAt or the end of the body on, its request holds a turn
// except while it waits for the client.
type turnReader struct {
	src     io.Reader
	ctx     context.Context // the request's
	place   *budget.Place
	read    int64
	counted int64 // bytes charged to the place
}

func (h *api) inTurn(w http.ResponseWriter, r *http.Request, body io.Reader) io.Reader {
	counted := r.ContentLength
	if counted < 0 {
		counted = unknownLength
	}
	return &turnReader{src: body, ctx: r.Context(), place: placeOf(w), counted: counted}
}

func (t *turnReader) Read(p []byte) (int, error) {
	t.place.Leave()
	n, err := t.src.Read(p)
	t.read += int64(n)
	if t.read > t.counted {
		t.counted = 2 * t.read
		if err := t.place.Grow(t.counted); err != nil {
			return n, err
		}
	}
	if err == io.EOF || err == nil && t.read >= turnsAt {
		if err := t.place.Enter(t.ctx); err != nil {
			return n, err
		}
	}
	return n, err
}

// overBudget returns the answer to a request over a budget.
func overBudget(r *budget.Refusal) *httpError {
	what := map[string]string{
		budget.ReasonRate:            "too many requests in this time",
		budget.ReasonRequests:        "too many requests in flight",
		budget.ReasonBytes:           "too many bytes of bodies in flight",
		budget.ReasonLists:           "too many lists at a time",
		budget.ReasonPuts:            "too many uploads at a time",
		budget.ReasonUnauthenticated: "too many requests whose sender is not known yet",
		budget.ReasonWebhooks:        "too many webhooks that are not verified yet",
		budget.ReasonSpace:           "not enough space for the body",
		budget.ReasonTurn:            "too many requests waiting to be worked on",
	}[r.Reason]
	whose := "The server has "
	if r.Organization {
		whose = "The organization has "
	}
	return &httpError{status: r.Status(), message: whose + what + "; try again later", header: r.Header(), code: "budget-" + r.Reason, cause: r.Err}
}
