package ingest

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/fhirdock/fhirdock/jobs"
)

// objects removes the payloads, outcomes, parts and outputs.
func (e *erasure) objects(ctx context.Context) error {
	remove := func(prefix string, exact bool) error {
		removed, err := e.s.blobs.RemoveAll(ctx, prefix, exact, e.req.DryRun)
		e.done.Stored.Add(removed)
		if err != nil {
			return unavailable("remove objects", hideKey(err, prefix))
		}
		return nil
	}
	prefixes, err := e.s.stagedOf(ctx, e.req.OrganizationID, e.req.JobID)
	if err != nil {
		return unavailable("list parts", err)
	}
	eraser, erases := e.req.Handler.(Eraser)
	if placer, ok := e.req.Handler.(Placer); ok && erases { // it counts its own objects
		_, theirs := placer.Prefixes()
		prefixes = slices.DeleteFunc(prefixes, func(p string) bool { return belowAny(p, withSlash(theirs)) })
	}
	prefixes = append(prefixes, e.s.opts.OutcomesPrefix+"/"+e.req.OrganizationID+"/"+e.req.JobID)
	if e.req.JobID == "" {
		prefixes = append(prefixes, e.s.opts.Prefix+"/"+e.req.OrganizationID+"/")
		if a := e.s.opts.Adopt; a != nil && a.byKey {
			prefixes = append(prefixes, a.Prefix+"/"+e.req.OrganizationID+"/")
		}
	}
	var keys []string // payloads outside these prefixes
	var mu sync.Mutex
	err = e.each(ctx, func(_ context.Context, job *jobs.Job) error {
		mu.Lock()
		defer mu.Unlock()
		switch own := ownKey(job.Payload.Key); {
		case !e.req.DryRun && job.Payload.RemovedAt.IsZero(): // for the next pass
		case e.req.JobID != "" && own: // includes repeats under its Idempotency-Key
			prefixes = append(prefixes, path.Dir(job.Payload.Key)+"/"+idOf(job.Payload.Key))
		case !belowAny(job.Payload.Key, prefixes):
			keys = append(keys, job.Payload.Key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, prefix := range prefixes {
		if err := remove(prefix, false); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := remove(key, true); err != nil {
			return err
		}
	}
	if erases {
		removed, err := eraser.Erase(ctx, e.req.OrganizationID, e.req.JobID, e.req.DryRun)
		e.done.Outputs.Add(removed)
		if err != nil {
			return unavailable("erase outputs", err)
		}
	}
	return nil
}

func withSlash(prefixes []string) []string {
	folders := make([]string, len(prefixes))
	for i, p := range prefixes {
		folders[i] = p + "/"
	}
	return folders
}

func belowAny(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}
