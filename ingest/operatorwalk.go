package ingest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/fhirdock/fhirdock/jobs"
)

// walkPage is how many organizations are read at a time.
const walkPage = 100

// walkPlace is where a walk continues: with the jobs of an organization in one of the
// states, after a cursor. After the last state the organization is done.
type walkPlace struct {
	Organization string `json:"o"`
	State        int    `json:"s,omitzero"`
	Cursor       string `json:"c,omitzero"`
}

func (p walkPlace) String() string {
	text, _ := json.Marshal(p) // strings and a number can be encoded
	return base64.RawURLEncoding.EncodeToString(text)
}

var errWalkCursor = &Error{Kind: ErrInvalid, Message: "The cursor is not one that a call with this request returned"}

// walkPlace reads the request's cursor.
func (r *OperatorRequest) walkPlace(states int) (p walkPlace, err error) {
	if r.Cursor == "" {
		return walkPlace{Organization: r.OrganizationID}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(r.Cursor)
	if err != nil || json.Unmarshal(text, &p) != nil || p.Organization == "" || p.State < 0 || p.State > states ||
		r.OrganizationID != "" && p.Organization != r.OrganizationID {
		return p, errWalkCursor
	}
	return p, nil
}

// walk passes jobs to visit, for each organization those in each of the states; an empty
// state means any.
type walk struct {
	svc    *Service
	req    *OperatorRequest
	states []jobs.State
	visit  func(context.Context, *jobs.Job) (more bool, err error)

	at            walkPlace
	looked, scans int
	enough        bool
}

// walk starts at the request's cursor and ends when visit has returned false, maxScanned
// jobs were looked at or half of the time has passed. next is the cursor after the last
// job, or before the one at which visit failed; empty if there are no more.
func (o *Operator) walk(ctx context.Context, req *OperatorRequest, states []jobs.State,
	visit func(context.Context, *jobs.Job) (more bool, err error)) (next string, err error) {
	w := &walk{svc: o.svc, req: req, states: states, visit: visit}
	if w.at, err = req.walkPlace(len(states)); err != nil {
		return "", err
	}
	ctx, cancel := o.svc.inTime(ctx)
	defer cancel()
	if w.at.Organization != "" {
		if err := w.organization(ctx); err != nil || w.enough || req.OrganizationID != "" {
			return w.next(), err
		}
	}
	for {
		ids, err := o.svc.back.Jobs.Organizations(ctx, w.at.Organization, walkPage)
		if err != nil {
			return w.next(), unavailable("read organizations", err)
		}
		for _, id := range ids {
			w.at = walkPlace{Organization: id}
			if err := w.organization(ctx); err != nil || w.enough {
				return w.next(), err
			}
		}
		if len(ids) < walkPage {
			return "", nil
		}
	}
}

// organization walks the jobs of one organization.
func (w *walk) organization(ctx context.Context) error {
	for ; w.at.State < len(w.states); w.at.State, w.at.Cursor = w.at.State+1, "" {
		if w.enough = w.enough || w.scans > 0 && w.svc.late(ctx); w.enough {
			return nil
		}
		w.scans++
		q := jobs.Query{OrganizationID: w.at.Organization, State: w.states[w.at.State], Cursor: w.at.Cursor, Limit: maxScanned - w.looked}
		rest, err := w.svc.scan(ctx, q, func(j *jobs.Job) (bool, error) {
			w.looked++
			more, err := w.visit(ctx, j)
			w.enough = !more || w.looked >= maxScanned
			return more, err
		})
		if w.at.Cursor = rest; err != nil || rest != "" {
			w.enough = true
			return err
		}
	}
	return nil
}

// next returns the cursor of the walk; empty at its end.
func (w *walk) next() string {
	if w.at.Organization == "" || w.at.State == len(w.states) && w.req.OrganizationID != "" {
		return ""
	}
	return w.at.String()
}

// changeIf changes a job if it is still selected. It returns nil if it is not, or if its
// state does not allow the change.
func (s *Service) changeIf(ctx context.Context, id string, selects func(*jobs.Job) bool, change func(*jobs.Job) error) (*jobs.Job, error) {
	job, err := jobs.Change(ctx, s.back.Jobs, id, func(j *jobs.Job) error {
		if !selects(j) {
			return errUnchanged
		}
		return change(j)
	})
	if errors.Is(err, errUnchanged) || errors.Is(err, jobs.ErrState) || errors.Is(err, jobs.ErrNotFound) {
		return nil, nil
	}
	return job, err
}
