package faulttest

import (
	"context"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Store returns a job store with faults. It does not pass on a Reopen of the inner store, as
// in jobstest.Reopener.
func Store(inner jobs.Store, plan Plan) jobs.Store { return &store{inner, plan} }

type store struct {
	inner jobs.Store
	plan  Plan
}

func (s *store) Create(ctx context.Context, job *jobs.Job) error {
	return s.write(ctx, StoreCreate, job, s.inner.Create)
}

func (s *store) Update(ctx context.Context, job *jobs.Job) error {
	return s.write(ctx, StoreUpdate, job, s.inner.Update)
}

func (s *store) Delete(ctx context.Context, job *jobs.Job) error {
	return s.write(ctx, StoreDelete, job, s.inner.Delete)
}

// write passes a copy on, so that a repeated call is identical, and the caller's job gets a
// new revision only on success.
func (s *store) write(ctx context.Context, kind Kind, job *jobs.Job, write func(context.Context, *jobs.Job) error) error {
	var revision int64
	err := s.plan.run(ctx, Call{kind, job.ID}, func(ctx context.Context) error {
		sent := job.Clone()
		err := write(ctx, sent)
		revision = sent.Revision
		return err
	})
	if err == nil {
		job.Revision = revision
	}
	return err
}

func (s *store) Get(ctx context.Context, id string) (job *jobs.Job, err error) {
	err = s.plan.run(ctx, Call{StoreGet, id}, func(ctx context.Context) (err error) {
		job, err = s.inner.Get(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return job, nil
}

// List returns the page with an error if the inner store does.
func (s *store) List(ctx context.Context, q jobs.Query) (page *jobs.Page, err error) {
	var own error
	err = s.plan.run(ctx, Call{StoreList, q.OrganizationID}, func(ctx context.Context) error {
		page, own = s.inner.List(ctx, q)
		return own
	})
	if err != nil && own == nil {
		return nil, err
	}
	return page, err
}

// Next returns claimed jobs with an error if the inner store does. If the fault comes after
// the call, jobs are claimed without their caller knowing.
func (s *store) Next(ctx context.Context, q jobs.NextQuery) (next []*jobs.Job, err error) {
	var own error
	err = s.plan.run(ctx, Call{StoreNext, q.OrganizationID}, func(ctx context.Context) error {
		next, own = s.inner.Next(ctx, q)
		return own
	})
	if err != nil && own == nil {
		return nil, err
	}
	return next, err
}

func (s *store) Count(ctx context.Context, organizationID string, state jobs.State, limit int) (n int, err error) {
	err = s.plan.run(ctx, Call{StoreCount, organizationID}, func(ctx context.Context) (err error) {
		n, err = s.inner.Count(ctx, organizationID, state, limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Due returns readable jobs with an error if the inner store does.
func (s *store) Due(ctx context.Context, now time.Time, limit int) (due []*jobs.Job, err error) {
	var own error
	err = s.plan.run(ctx, Call{Kind: StoreDue}, func(ctx context.Context) error {
		due, own = s.inner.Due(ctx, now, limit)
		return own
	})
	if err != nil && own == nil {
		return nil, err
	}
	return due, err
}

func (s *store) Ready(ctx context.Context) error {
	return s.plan.run(ctx, Call{Kind: StoreReady}, s.inner.Ready)
}

func (s *store) Organizations(ctx context.Context, after string, limit int) (ids []string, err error) {
	err = s.plan.run(ctx, Call{StoreOrganizations, after}, func(ctx context.Context) (err error) {
		ids, err = s.inner.Organizations(ctx, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}
