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

// orphanAge is the default of [OrphansRequest.MinAge], and minOrphanAge the least: a
// payload is stored a moment before its job is recorded.
const (
	orphanAge    = time.Hour
	minOrphanAge = time.Minute
)

// OrphansRequest asks for a part of the orphans.
type OrphansRequest struct {
	// OrganizationID asks for those of one organization. Empty: of all.
	OrganizationID string
	// MinAge of an orphan, by the store's time of its last change. It must be longer than
	// a request takes from writing a payload to recording its job. At least a minute.
	// Default 1 hour.
	MinAge time.Duration
	// Limit of objects that one call looks at: 0 means 500; at most 1000.
	Limit int
	// Cursor from the call before; empty at the start.
	Cursor string
	// Remove removes the orphans that are found, each after another look for its job.
	Remove bool
}

// Orphan is a payload without a job.
type Orphan struct {
	Key            string    `json:"key"`
	OrganizationID string    `json:"organizationId"`
	JobID          string    `json:"jobId"` // that its key names
	Bytes          int64     `json:"bytes"`
	ModTime        time.Time `json:"modTime"`
}

// Orphans is a part of the orphans.
type Orphans struct {
	Found []Orphan
	// Looked is the number of objects that were looked at, Bytes those of the orphans
	// among them, and Removed the number of orphans that were removed.
	Looked, Removed int
	Bytes           int64
	// Next is the cursor to go on with; empty after the last object.
	Next string
}

// Orphans looks for payloads that no job knows: objects below [Options.Prefix] whose key
// fhirdock made, and whose job is not recorded or has another payload. Call it with the
// cursor that it returned until there is none.
//
// A request leaves an orphan if the process is killed between writing the payload and
// recording the job; its sender got no answer, or an error. But if the job store was
// restored from an older backup, orphans are payloads that were acknowledged. So only a
// call with Remove removes them.
//
// Errors: ErrInvalid, ErrUnavailable; in the latter case what was found and removed until
// then is returned beside the error, with the cursor of this part.
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

// check sets the defaults, and returns where the list begins.
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

// organizationOf is the organization in a key of fhirdock's own.
func organizationOf(key string) string {
	parts := strings.Split(key, "/")
	return parts[len(parts)-5]
}
