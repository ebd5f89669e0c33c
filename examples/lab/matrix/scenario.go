//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// check is a check on every pairing. If it is not applicable, the error is a none.
type check struct {
	name string
	try  func(ctx context.Context, s *scenario) error
}

// checks in the order in which they run.
var checks = []check{
	{"webhook", webhook},
	{"upload", upload},
	{"doubled", doubled},
	{"killed", killed},
	{"redrive", redrive},
	{"cancel", cancel},
	{"tenant", tenantsApart},
	{"lost", lost},
}

// none is why a check is not applicable.
type none string

func (n none) Error() string { return string(n) }

// scenario is the state that checks share.
type scenario struct {
	*rig
	bundle, file payload
	bundleJob    string
	ticket       *frontdoor.Ticket
	// silent was uploaded without a notification.
	silent       payload
	silentTicket *frontdoor.Ticket
}

const ndjson = "application/fhir+ndjson"

// webhook posts a Bundle. It also starts the check of [lost], which takes longest.
func webhook(ctx context.Context, s *scenario) (err error) {
	s.silent = lines("silent", 20)
	if s.objects.forgets {
		// Each upload goes through the gateway.
	} else if s.silentTicket, err = s.put(ctx, s.silent); err != nil {
		return fmt.Errorf("upload without a notification: %w", err)
	}
	s.bundle = bundle("hook", 30)
	receipt, err := s.client.PostBundle(ctx, bytes.NewReader(s.bundle.body), int64(len(s.bundle.body)))
	if err != nil {
		return err
	}
	s.bundleJob = receipt.JobID
	return s.completed(ctx, receipt.JobID, s.bundle, 1)
}

// upload puts a file at the signed URL; its store sends the notification.
func upload(ctx context.Context, s *scenario) (err error) {
	s.file = lines("file", 40)
	if s.ticket, err = s.client.UploadURL(ctx, ndjson, int64(len(s.file.body))); err != nil {
		return err
	}
	if err := s.client.Upload(ctx, s.ticket, bytes.NewReader(s.file.body), int64(len(s.file.body))); err != nil {
		return err
	}
	if !s.own() {
		if err := s.tell(ctx, s.ticket.Key); err != nil {
			return err
		}
	}
	return s.completed(ctx, s.ticket.UploadID, s.file, 1)
}

// doubled sends a notification twice at once while the job is running, and again after it.
func doubled(ctx context.Context, s *scenario) error {
	p := lines("doubled", 40)
	ticket, err := s.put(ctx, p)
	if err != nil {
		return err
	}
	said := make(chan error)
	for range 2 {
		go func() { said <- s.tell(ctx, ticket.Key) }()
	}
	if err := errors.Join(<-said, <-said); err != nil {
		return err
	}
	if err := s.completed(ctx, ticket.UploadID, p, 1); err != nil {
		return err
	}
	before, err := s.client.Job(ctx, ticket.UploadID)
	if err != nil {
		return err
	}
	if err := s.tell(ctx, ticket.Key); err != nil {
		return err
	}
	after, err := s.client.Job(ctx, ticket.UploadID)
	if err != nil {
		return err
	}
	if after.Status != "completed" || !after.FinishedAt.Equal(before.FinishedAt) {
		return fmt.Errorf("after a repeated notification the job is %s", after.Status)
	}
	return s.completed(ctx, ticket.UploadID, p, 1)
}

// killed kills the working process in the middle of a file.
func killed(ctx context.Context, s *scenario) error {
	if s.objects.forgets || s.job.forgets {
		return none("memory is lost with its process")
	}
	n := 1500
	if s.config.short {
		n = 600
	}
	p := lines("killed", n)
	ticket, err := s.put(ctx, p)
	if err != nil {
		return err
	}
	if err := s.tell(ctx, ticket.Key); err != nil {
		return err
	}
	end, stop := context.WithTimeout(ctx, most)
	defer stop()
	for {
		job, err := s.client.Job(end, ticket.UploadID)
		if err != nil {
			return err
		}
		if job.Finished() {
			return fmt.Errorf("the job was %s before its worker could be killed", job.Status)
		}
		if job.Progress.Done > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := s.replace(ctx); err != nil {
		return err
	}
	return s.completed(ctx, ticket.UploadID, p, 2)
}

// redrive redrives a completed job.
func redrive(ctx context.Context, s *scenario) error {
	if err := s.client.Redrive(ctx, s.bundleJob); err != nil {
		return err
	}
	return s.completed(ctx, s.bundleJob, s.bundle, 1)
}

// cancel cancels a job whose upload arrives anyway.
func cancel(ctx context.Context, s *scenario) error {
	p := lines("cancelled", 10)
	ticket, err := s.client.UploadURL(ctx, ndjson, int64(len(p.body)))
	if err != nil {
		return err
	}
	if err := s.client.Cancel(ctx, ticket.UploadID); err != nil {
		return err
	}
	if err := s.client.Upload(ctx, ticket, bytes.NewReader(p.body), int64(len(p.body))); err != nil && !s.own() {
		return err // a cloud's store accepts a signed upload although the job was cancelled
	}
	if err := s.tell(ctx, ticket.Key); err != nil {
		return err
	}
	job, err := s.client.Job(ctx, ticket.UploadID)
	if err != nil {
		return err
	}
	if job.Status != "cancelled" {
		return fmt.Errorf("a job that was cancelled is %s", job.Status)
	}
	return s.inLake(ctx, ticket.UploadID, payload{})
}

// requestID matches the only part in which two responses may differ.
var requestID = regexp.MustCompile(`"requestId":"[^"]*"`)

// tenantsApart sends requests as another tenant.
func tenantsApart(ctx context.Context, s *scenario) error {
	const unknown = "00000000-0000-4000-8000-000000000000"
	for _, c := range []struct{ method, path string }{
		{"GET", "/v1/ingestion/jobs/%s"}, {"DELETE", "/v1/ingestion/jobs/%s"},
		{"POST", "/v1/ingestion/jobs/%s/redrive"}, {"GET", "/v1/ingestion/jobs/%s/outcomes"},
	} {
		var answers []string
		for _, id := range []string{s.bundleJob, unknown} {
			status, body, err := s.call(ctx, otherToken, c.method, fmt.Sprintf(c.path, id))
			if err != nil {
				return err
			}
			answers = append(answers, fmt.Sprint(status, requestID.ReplaceAllString(body, "")))
		}
		if answers[0] != answers[1] || !strings.HasPrefix(answers[0], "404") {
			return fmt.Errorf("%s of another tenant's job has another response than for an unknown job: %s", c.method, answers[0])
		}
	}
	status, body, err := s.call(ctx, otherToken, "GET", "/v1/ingestion/jobs")
	if err != nil || status != 200 || strings.Contains(body, "jobId") {
		return fmt.Errorf("a tenant without jobs sees some: status %d, error %w", status, err)
	}
	status, body, err = s.call(ctx, tenantToken, "GET", "/v1/ingestion/jobs?limit=100")
	if err != nil || status != 200 || !strings.Contains(body, s.bundleJob) {
		return fmt.Errorf("a tenant does not see its own job in the list: status %d, error %w", status, err)
	}
	return nil
}

// lost waits for the upload without a notification.
func lost(ctx context.Context, s *scenario) error {
	if s.objects.forgets {
		return none("the gateway sees each upload itself")
	}
	if s.silentTicket == nil {
		return errors.New("the file was not uploaded")
	}
	return s.completed(ctx, s.silentTicket.UploadID, s.silent, 1)
}

// put uploads a file, bypassing the gateway if uploads go through it.
func (s *scenario) put(ctx context.Context, p payload) (*frontdoor.Ticket, error) {
	ticket, err := s.client.UploadURL(ctx, ndjson, int64(len(p.body)))
	if err != nil {
		return nil, err
	}
	if !s.own() || s.objects.forgets {
		return ticket, s.client.Upload(ctx, ticket, bytes.NewReader(p.body), int64(len(p.body)))
	}
	_, err = s.tool(ctx, bytes.NewReader(p.body), "put", ticket.Key, ndjson)
	return ticket, err
}

// completed waits for a job's end, and checks that the payload is in the lake once.
// attempts is the maximum number of attempts.
func (s *scenario) completed(ctx context.Context, id string, p payload, attempts int) error {
	end, stop := context.WithTimeout(ctx, most)
	defer stop()
	job, err := s.client.Follow(end, id, nil)
	if err != nil {
		return err
	}
	var handed int64
	for _, o := range job.Outputs {
		handed += o.Count
	}
	switch {
	case job.Status != "completed":
		return fmt.Errorf("the job is %s: %s", job.Status, job.Error)
	case job.Attempt > attempts:
		return fmt.Errorf("%d attempts were made, not %d", job.Attempt, attempts)
	case handed != int64(len(p.ids)) || job.Progress.Done != handed:
		return fmt.Errorf("%d of %d resources were handed over", handed, len(p.ids))
	}
	return s.inLake(ctx, id, p)
}
