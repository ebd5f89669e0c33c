package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
)

// Adoption makes jobs of objects that no job asked for: what an operator copies into
// the bucket with `aws s3 cp`, and what another system exports there. It is the one
// place where the tenant does not come from authentication, so nobody else may be able
// to write below its Prefix.
//
// An object is looked at when the store notifies of it (see [Service.ObjectCreated]),
// when a message of the queue names it (see [Worker.WorkMessage]), and when the
// [Sweeper] lists the prefix, which finds those whose notification was lost. It becomes
// a job whose id follows from bucket, key and version, or the ETag where the bucket
// keeps no versions: however often it is seen, there is one job. Another version of the
// key is another job. The checks are those of a signed upload; an object that fails
// them becomes a failed job, with the code upload-mismatch.
//
// Never adopted, but counted as [EventObjectIgnored] and logged as a warning, are
// objects
//
//   - whose metadata has a job_id: they are a job's already;
//   - whose key fhirdock could have made, …/{organization}/{yyyy}/{mm}/{dd}/{id}.json or
//     .ndjson with a UUID for the id, whether or not that job is recorded;
//   - that Owner says are nobody's;
//   - that are older than MaxAge.
//
// It works on every bucket that Go CDK opens. S3, Cloud Storage and Azure notify by
// themselves, once they are set up to; a folder (dirblob, fileblob) and memblob don't,
// and what is put there is found by the listing, or by a notification that the program
// which put it there sends (see notify.ObjectCreated). Move files into a folder, do not
// copy them: a file that is being written can't be told from a finished one.
//
// Objects are left where they are, and the listing reads past all of them: give the
// prefix a lifecycle rule that removes old ones.
type Adoption struct {
	// Prefix of the keys that are adopted, without a slash at its end. It must not
	// overlap Reserved, [Options.Prefix], [Options.OutcomesPrefix] or
	// [Options.StagingPrefix]. Required.
	Prefix string
	// Owner says whose an object is. An error that matches [ErrNotAdopted] leaves the
	// object alone; any other means that it can't be said now, and the object is
	// looked at again. It must be safe for concurrent use. Default:
	// [OwnerByKey] of Prefix.
	Owner func(ctx context.Context, o *blobstore.Object) (Caller, error)
	// Reserved are the prefixes below which the program writes its output. Default:
	// processed, the default of sink.Lake.
	Reserved []string
	// MaxAge of an object that is adopted, by the store's time of its last change. Keep
	// the records of jobs for longer: an object whose job is not recorded any more would
	// be adopted again. Default 14 days, the longest that SQS keeps a message.
	MaxAge time.Duration
	// ListEvery is the time between two parts of the listing: each reads up to 10,000
	// keys and looks at up to 500 objects that this process has not seen, and the next
	// goes on where it ended. An object is left to its notification for as long.
	// Default 1 minute.
	ListEvery time.Duration
}

// ErrNotAdopted is returned by an [Adoption]'s Owner for an object that is nobody's.
var ErrNotAdopted = errors.New("ingest: object is not adopted")

// OwnerByKey is an Owner for keys of the form {prefix}/{organization}/…: an object
// belongs to the organization that the first part of its key below the prefix names.
// What has no such part, or one that is no organization's id, is not adopted.
func OwnerByKey(prefix string) func(context.Context, *blobstore.Object) (Caller, error) {
	return func(_ context.Context, o *blobstore.Object) (Caller, error) {
		rest, ok := strings.CutPrefix(o.Key, prefix+"/")
		organization, name, deeper := strings.Cut(rest, "/")
		if !ok || !deeper || name == "" || !blobstore.ValidOrganization(organization) {
			return Caller{}, fmt.Errorf("%w: its key does not name an organization", ErrNotAdopted)
		}
		return Caller{OrganizationID: organization}, nil
	}
}

// withDefaults checks an Adoption against the other prefixes, by what they are for.
func (a *Adoption) withDefaults(taken map[string]string) (*Adoption, error) {
	if a == nil {
		return nil, nil
	}
	d := *a
	if !blobstore.ValidKey(d.Prefix) {
		return nil, fmt.Errorf("ingest: Adoption.Prefix %q can't be the prefix of keys: %w", d.Prefix, blobstore.ErrKey)
	}
	if d.Reserved == nil {
		d.Reserved = []string{"processed"}
	}
	for what, prefix := range taken {
		if overlap(d.Prefix, prefix) {
			return nil, fmt.Errorf("ingest: Adoption.Prefix %q overlaps %s, %q: what is written there would be adopted", d.Prefix, what, prefix)
		}
	}
	for _, prefix := range d.Reserved {
		if overlap(d.Prefix, strings.TrimSuffix(prefix, "/")) {
			return nil, fmt.Errorf("ingest: Adoption.Prefix %q overlaps Adoption.Reserved %q: what is written there would be adopted", d.Prefix, prefix)
		}
	}
	if d.MaxAge < 0 || d.ListEvery < 0 {
		return nil, errors.New("ingest: no field of Adoption may be negative")
	}
	if d.Owner == nil {
		d.Owner = OwnerByKey(d.Prefix)
	}
	setDefault(&d.MaxAge, 14*24*time.Hour)
	setDefault(&d.ListEvery, time.Minute)
	return &d, nil
}
