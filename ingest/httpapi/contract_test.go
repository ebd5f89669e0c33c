package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/queue"
)

func TestInstructions(t *testing.T) {
	for expiry, spoken := range map[time.Duration]string{
		0: "1 hour", 15 * time.Minute: "15 minutes", time.Second: "1 second", 90 * time.Minute: "1 hour 30 minutes",
		49*time.Hour + 61*time.Second: "2 days 1 hour 1 minute 1 second",
	} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{UploadExpiry: expiry}})
		var ticket struct {
			UploadID     string
			Instructions map[string]string
		}
		p.Client.Do(t, "POST", uploadPath, "application/json", strings.NewReader(`{"contentType":"application/ndjson"}`)).JSON(t, &ticket)
		require.Equal(t, map[string]string{
			"1": "Use HTTP PUT to upload your file to the uploadUrl",
			"2": "Set Content-Type header to 'application/ndjson'",
			"3": "URL expires in " + spoken,
			"4": "After upload, file will be automatically processed",
			"5": "Follow the job at /v1/ingestion/jobs/" + ticket.UploadID,
		}, ticket.Instructions)
	}
}

var times = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)

// Every time has six digits of fraction, even if they are zeros.
func TestTimesAreOfOneWidth(t *testing.T) {
	for _, fraction := range []time.Duration{0, time.Second / 10, 123450 * time.Microsecond, 999999 * time.Microsecond} {
		p := ingesttest.New(t)
		p.Clock.Advance(fraction)
		accepted := p.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(small))
		var receipt struct{ JobID string }
		accepted.JSON(t, &receipt)
		p.Wait(t, receipt.JobID)
		for n, body := range map[int][]byte{
			1: accepted.Body,
			4: p.Client.Job(t, receipt.JobID).Body,
			5: p.Client.Do(t, "POST", uploadPath, "", nil).Body,
			6: p.Client.Do(t, "GET", jobsPath, "", nil).Body,
		} {
			found := times.FindAllString(string(body), -1)
			require.NotEmpty(t, found)
			if n == 4 {
				require.Len(t, found, 4)
			}
			for _, at := range found {
				require.Regexp(t, `^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"$`, at)
			}
		}
	}
}

// A file with any of the content types of NDJSON is uploaded and read as NDJSON.
func TestAllUploadTypes(t *testing.T) {
	for media := range ingest.UploadContentTypes() {
		p := ingesttest.New(t)
		content := `{"resourceType":"Patient","id":"1"}` + "\n" + `{"resourceType":"Patient","id":"2"}`
		if strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "fhir+json") {
			content = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Patient"}}]}`
		}
		id := p.Client.Upload(t, media, []byte(content))
		require.EqualValues(t, 2, p.Wait(t, id).Progress.Done, media)
	}
}

// On S3 a ticket has the members that clients of fhirdock's predecessor read.
func TestTicketOfS3(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	topic, _ := local(nil)
	signer := must(signedurl.NewSigner(must(url.Parse("http://localhost/objects")), make([]byte, signedurl.MinSecret), nil))
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(p.Bucket, &blobstore.Options{Bucket: "b", Signer: signer, S3: true})), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: p.Jobs}, nil)
	require.NoError(t, err)
	tokens, err := auth.ParseTokens("t=o")
	require.NoError(t, err)
	r := httptest.NewRequest("POST", uploadPath, nil)
	r.Header.Set("Authorization", "Bearer t")
	w := httptest.NewRecorder()
	must(httpapi.New(svc, tokens, nil)).ServeHTTP(w, r)
	var ticket map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &ticket))
	require.Equal(t, "b", ticket["s3Bucket"])
	require.Equal(t, ticket["key"], ticket["s3Key"])
}
