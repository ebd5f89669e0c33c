package ingest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/jobs"
)

// orphanAge is the default of [OrphansRequest.MinAge], and minOrphanAge its minimum: a
// payload is stored shortly before its job is recorded.
const (
	orphanAge    = time.Hour
	minOrphanAge = time.Minute
)

// OrphansRequest selects orphans.
type OrphansRequest struct {
	// OrganizationID limits the search to one organization. Empty: all.
	OrganizationID string
	// MinAge of an orphan, by the store's modification time. It must be longer than a
	// request takes from writing a payload to recording its job. At least a minute.
	// Default 1 hour.
	MinAge time.Duration
	// Limit is how many objects one call looks at: 0 means 500; at most 1000.
	Limit int
	// Cursor from the previous call; empty at the start.
	Cursor string
	// Remove removes the orphans that are found, after looking for their jobs.
	Remove bool
}

// Orphan is a payload without a job.
type Orphan struct {
	Key            string    `json:"key"`
	OrganizationID string    `json:"organizationId"`
	JobID          string    `json:"jobId"` // from its key
	Bytes          int64     `json:"bytes"`
	ModTime        time.Time `json:"modTime"`
}

// Orphans is the result of one call of [Service.Orphans].
type Orphans struct {
	Found []Orphan
	// Looked is the number of objects looked at, Bytes the size of the orphans among
	// them, and Removed the number of orphans removed.
	Looked, Removed int
	Bytes           int64
	// Next is the cursor to continue from; empty after the last object.
	Next string
}

// Orphans looks for payloads without a job: objects below [Options.Prefix] whose key
// fhirdock made, and whose job is not recorded or has another payload. Call it with the
// cursor that it returned until there is none.
//
// A request leaves an orphan if the process is killed between writing the payload and
// recording the job; its sender got no answer, or an error. But if the job store was
// restored from an older backup, orphans are payloads that were acknowledged. So orphans
// are only removed if Remove is set.
//
// Errors: ErrInvalid, ErrUnavailable; after the latter, the orphans found and removed so
// far are returned with the error, with the cursor of this call.
func (s *Service) Orphans(ctx context.Context, req OrphansRequest) (*Orphans, error) {
	token, err := req.check()
	if err != nil {
		return nil, err
	}
	prefix := s.opts.Prefix + "/"
	if req.OrganizationID != "" {
		if err := (Caller{OrganizationID: req.OrganizationID}).check(); err != nil {
			return nil, err
		}
		prefix += req.OrganizationID + "/"
	}
	found := &Orphans{Next: req.Cursor}
	page, next, err := s.blobs.Bucket().ListPage(ctx, token, req.Limit, &blob.ListOptions{Prefix: prefix})
	if err != nil {
		return found, unavailable("list payloads", err)
	}
	var mu sync.Mutex
	err = s.atOnce(len(page), func(n int) error {
		o := page[n]
		if !ownKey(o.Key) || time.Since(o.ModTime) < req.MinAge {
			return nil
		}
		job, err := s.jobOfKey(ctx, o.Key)
		if err != nil || job != nil {
			return err
		}
		if req.Remove {
			err = s.removeObject(ctx, o.Key, false)
		}
		mu.Lock()
		defer mu.Unlock()
		found.Found = append(found.Found, Orphan{Key: o.Key, OrganizationID: organizationOf(o.Key), JobID: idOf(o.Key), Bytes: o.Size, ModTime: o.ModTime})
		found.Bytes += o.Size
		if req.Remove && err == nil {
			found.Removed++
		}
		return err
	})
	if err != nil {
		return found, unavailable("look for orphans", err)
	}
	found.Looked, found.Next = len(page), ""
	if len(next) > 0 {
		found.Next = base64.RawURLEncoding.EncodeToString(next)
	}
	if found.Removed > 0 {
		s.opts.Logger.InfoContext(ctx, "orphans removed", "objects", found.Removed, "bytes", found.Bytes)
	}
	return found, nil
}

// check sets the defaults, and returns the token of the first page.
func (r *OrphansRequest) check() (token []byte, err error) {
	setDefault(&r.MinAge, orphanAge)
	setDefault(&r.Limit, 500)
	if r.MinAge < minOrphanAge {
		return nil, &Error{Kind: ErrInvalid, Message: fmt.Sprintf("MinAge must be at least %s: the jobs of younger payloads may not be recorded yet", minOrphanAge)}
	}
	if r.Limit < 0 || r.Limit > 1000 {
		return nil, &Error{Kind: ErrInvalid, Message: "Limit must be from 1 to 1000"}
	}
	if r.Cursor == "" {
		return blob.FirstPageToken, nil
	}
	token, err = base64.RawURLEncoding.DecodeString(r.Cursor)
	if err != nil || len(token) == 0 {
		return nil, &Error{Kind: ErrInvalid, Message: "The cursor is not one that Orphans gave", Err: errors.Join(err, jobs.ErrCursor)}
	}
	return token, nil
}

// organizationOf returns the organization in one of fhirdock's own keys.
func organizationOf(key string) string {
	parts := strings.Split(key, "/")
	return parts[len(parts)-5]
}
