package ingest_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
	"github.com/fhirdock/fhirdock/queue"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A durable pipeline in one process: payloads in a folder, jobs in SQLite.
func Example_embedded() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	data := must(os.MkdirTemp("", "fhirdock"))
	defer os.RemoveAll(data)
	base := must(url.Parse(server.URL))
	handled := make(chan string)

	bucket := must(dirblob.OpenBucket(filepath.Join(data, "blobs"), &dirblob.Options{CreateDir: true}))
	db := must(sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(data, "jobs.sqlite"))))
	store := must(sqljobs.Open(ctx, db, nil))
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		log.Fatal(err)
	}
	secret := must(signedurl.LoadOrCreateSecret(filepath.Join(data, "secret")))
	signer := must(signedurl.NewSigner(base.JoinPath("v1/objects"), secret, nil))
	svc := must(ingest.New(ingest.Backends{
		Bucket: bucket, Signer: signer, Topic: topic, Subscription: queue.Static(subscription), Jobs: store,
	}, nil))

	mux.Handle("/", must(httpapi.New(svc, must(auth.ParseTokens("dev=demo")), nil)))
	mux.Handle("/v1/objects/", must(signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{OnCreated: svc.ObjectCreated})))
	go ingest.Run(ctx, svc, ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		for _, r := range b.Resources {
			handled <- r.Type + "/" + r.ID // r.Raw is the resource, byte for byte
		}
		return nil
	}))

	resp := must(post(server.URL, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p1"}}]}`))
	fmt.Println(resp.StatusCode, <-handled)
	// Output: 202 Patient/p1
}

func post(server, bundle string) (*http.Response, error) {
	req, err := http.NewRequest("POST", server+"/v1/ingestion/fhir/Bundle", strings.NewReader(bundle))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/fhir+json")
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

// What the README prints as Go is what the Example above runs.
func TestReadmeQuotesTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, blocks, 1)
	var quoted strings.Builder
	for line := range strings.Lines(string(blocks[0][1])) {
		if strings.TrimSpace(line) != "" {
			quoted.WriteString("\t")
		}
		quoted.WriteString(line)
	}
	require.Contains(t, string(source), quoted.String())
	require.LessOrEqual(t, strings.Count(quoted.String(), "\n"), 25)
}
