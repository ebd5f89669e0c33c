package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
)

// Adoption creates jobs for objects that were put into the bucket without a signed URL,
// for example by an operator with `aws s3 cp` or by another system's export. It is the
// one place where the tenant does not come from authentication: make sure that only
// people and systems you trust can write below its Prefix.
//
// An object is found when the store sends a notification (see [Service.ObjectCreated]),
// when a message of the queue names it (see [Worker.WorkMessage]), and when the
// [Sweeper] lists the prefix, in case the notification was lost. The id of its job is
// derived from bucket, key and version (or the ETag, if the bucket keeps no versions),
// so an object gets one job however often it is found. Another version of the same
// key is another job. The checks are those of a signed upload; an object that fails
// them becomes a failed job with the code upload-mismatch.
//
// These objects are never adopted. They are counted as [EventObjectIgnored] and logged
// as a warning:
//
//   - objects with a job_id in their metadata, which belong to a job already;
//   - objects whose key fhirdock could have made, …/{organization}/{yyyy}/{mm}/{dd}/{id}.json
//     or .ndjson with a UUID as the id, whether or not that job is recorded;
//   - objects that Owner does not assign to an organization;
//   - objects older than MaxAge.
//
// Adoption works on every bucket that Go CDK opens. S3, Cloud Storage and Azure can be
// configured to send notifications. A folder (dirblob, fileblob) and memblob send none:
// their objects are found by listing, or by a notification that the writing program
// sends itself (see notify.ObjectCreated). Move files into a folder instead of copying
// them, since a file that is still being written looks complete.
//
// Objects stay in place and every listing reads all of them: set a lifecycle rule that
// removes old ones.
type Adoption struct {
	// Prefix of the keys to adopt, without a trailing slash. It must not
	// overlap Reserved, [Options.Prefix], [Options.OutcomesPrefix] or
	// [Options.StagingPrefix]. Required.
	Prefix string
	// Owner returns the organization that an object belongs to. If its error matches
	// [ErrNotAdopted] the object is left alone; after any other error Owner is asked
	// again later. It must be safe for concurrent use. Default: [OwnerByKey] of Prefix.
	Owner func(ctx context.Context, o *blobstore.Object) (Caller, error)
	// Reserved are the prefixes that the program writes its output to. Default:
	// processed, the default of sink.Lake.
	Reserved []string
	// MaxAge of an object to adopt, by the store's modification time. An object whose
	// job's record was removed would be adopted again, so [Retention] keeps the records
	// of adopted objects for longer than that. Default 14 days, the longest that SQS
	// keeps a message.
	MaxAge time.Duration
	// ListEvery is the time between two parts of the listing. Each part reads up to
	// 10,000 keys and looks at up to 500 objects that are new to this process; the
	// next part continues from there. The listing ignores objects younger than
	// ListEvery, whose notification may still come. Default 1 minute.
	ListEvery time.Duration

	byKey bool // Owner is the default
}

// ErrNotAdopted is returned by an [Adoption]'s Owner for an object that belongs to no
// organization.
var ErrNotAdopted = errors.New("ingest: object is not adopted")

// OwnerByKey returns an Owner for keys of the form {prefix}/{organization}/{name}, where
// the name may have slashes. Objects with other keys, or without a valid organization id
// in that place, are not adopted.
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

// withDefaults checks an Adoption against the other prefixes, by the names of their options.
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
			return nil, fmt.Errorf("ingest: Adoption.Prefix %q overlaps %s, %q: objects written there would be adopted", d.Prefix, what, prefix)
		}
	}
	for _, prefix := range d.Reserved {
		if overlap(d.Prefix, strings.TrimSuffix(prefix, "/")) {
			return nil, fmt.Errorf("ingest: Adoption.Prefix %q overlaps Adoption.Reserved %q: objects written there would be adopted", d.Prefix, prefix)
		}
	}
	if d.MaxAge < 0 || d.ListEvery < 0 {
		return nil, errors.New("ingest: no field of Adoption may be negative")
	}
	if d.Owner == nil {
		d.Owner, d.byKey = OwnerByKey(d.Prefix), true
	}
	setDefault(&d.MaxAge, 14*24*time.Hour)
	setDefault(&d.ListEvery, time.Minute)
	return &d, nil
}
