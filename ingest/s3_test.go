package ingest_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// limited is a signer with a cloud's limits.
type limited struct {
	anySigner
	enforced blobstore.Enforced
	s3       bool
	signed   *blobstore.UploadPolicy // the last one, unless nil
}

func (l limited) SignUpload(ctx context.Context, key string, p blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	if l.signed != nil {
		*l.signed = p
	}
	return l.anySigner.SignUpload(ctx, key, p)
}

func (l limited) Enforces() blobstore.Enforced { return l.enforced }
func (l limited) S3() bool                     { return l.s3 }

// On S3 a message also names the bucket as S3 consumers expect.
func TestMessagesOfS3(t *testing.T) {
	for name, c := range map[string]struct {
		opts blobstore.Options
		s3   bool
	}{
		"not S3":              {blobstore.Options{Signer: limited{}}, false},
		"as the signer says":  {blobstore.Options{Signer: limited{s3: true}}, true},
		"as the program says": {blobstore.Options{Signer: anySigner{}, S3: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			topic, subscription := local(nil)
			bucket := memblob.OpenBucket(nil)
			defer bucket.Close()
			c.opts.Bucket = "payloads"
			svc, err := ingest.New(ingest.Backends{
				Store: must(blobstore.New(bucket, &c.opts)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore(),
			}, nil)
			require.NoError(t, err)
			receipt, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
			require.NoError(t, err)
			sent, err := subscription.Receive(t.Context())
			require.NoError(t, err)
			sent.Ack()
			var message map[string]any
			require.NoError(t, json.Unmarshal(sent.Body, &message))
			require.Equal(t, "payloads", message["bucket"])
			require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, message["timestamp"])
			ticket, err := svc.SignUpload(t.Context(), caller, ingest.UploadRequest{})
			require.NoError(t, err)
			require.Equal(t, c.s3, ticket.S3)
			if !c.s3 {
				require.NotContains(t, message, "s3Bucket")
				require.NotContains(t, message, "s3Key")
				return
			}
			require.Equal(t, "payloads", message["s3Bucket"])
			require.Equal(t, receipt.Job.Payload.Key, message["s3Key"])
		})
	}
}

// Uploads that the store would refuse are refused when the URL is requested.
func TestUploadsWithinTheStoresLimits(t *testing.T) {
	topic, _ := local(nil)
	back := ingest.Backends{
		Store:     must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: limited{enforced: blobstore.Enforced{MaxPut: 5 << 30, MaxExpiry: 7 * 24 * time.Hour}}})),
		Publisher: must(queue.NewPublisher(topic, nil)),
		Jobs:      jobs.NewMemStore(),
	}
	svc, err := ingest.New(back, nil)
	require.NoError(t, err)
	_, err = svc.SignUpload(t.Context(), caller, ingest.UploadRequest{ContentLength: 5<<30 + 1})
	require.ErrorIs(t, err, ingest.ErrTooLarge)
	require.EqualError(t, err, "contentLength is above the limit of 5368709120 bytes")
	ticket, err := svc.SignUpload(t.Context(), caller, ingest.UploadRequest{ContentLength: 5 << 30})
	require.NoError(t, err)
	require.EqualValues(t, 5<<30, ticket.Job.Upload.MaxSize)

	_, err = ingest.New(back, &ingest.Options{UploadExpiry: 8 * 24 * time.Hour})
	require.ErrorContains(t, err, "Options.UploadExpiry must be at most 168h0m0s")
}

// An upload has the metadata of fhirdock's predecessor, if no client has to send it.
func TestMetadataOfAnUpload(t *testing.T) {
	for name, enforced := range map[string]blobstore.Enforced{"headers": {Metadata: true}, "URL": {Metadata: true, MetadataInURL: true}} {
		topic, _ := local(nil)
		var policy blobstore.UploadPolicy
		svc, err := ingest.New(ingest.Backends{
			Store:     must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: limited{enforced: enforced, signed: &policy}})),
			Publisher: must(queue.NewPublisher(topic, nil)),
			Jobs:      jobs.NewMemStore(),
		}, nil)
		require.NoError(t, err)
		for user, by := range map[string]string{"": "unknown", "alice": "alice"} {
			ticket, err := svc.SignUpload(t.Context(), ingest.Caller{OrganizationID: "demo", UserID: user}, ingest.UploadRequest{})
			require.NoError(t, err)
			want := map[string]string{"job_id": ticket.Job.ID, "organization_id": "demo"}
			if enforced.MetadataInURL {
				want["upload_id"], want["uploaded_by"] = ticket.Job.ID, by
			}
			require.Equal(t, want, policy.Metadata, name)
		}
	}
}
