package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// A whole pipeline in memory: back ends, HTTP handler, worker.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	bucket := memblob.OpenBucket(nil)
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(bucket, nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         jobs.NewMemStore(),
	}, &ingest.Options{NoUploads: true})
	if err != nil {
		panic(err)
	}
	handled := make(chan string)
	go ingest.Run(ctx, svc, ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		for _, r := range b.Resources {
			handled <- r.Type + "/" + r.ID
		}
		return nil
	}), nil)
	tokens, err := auth.ParseTokens("dev=demo")
	if err != nil {
		panic(err)
	}
	frontDoor, err := httpapi.New(svc, tokens, nil)
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(frontDoor)
	defer server.Close()

	body := `{"resourceType":"Bundle","type":"batch","entry":[{
		"resource":{"resourceType":"Patient","id":"p1"}, "request":{"method":"PUT","url":"Patient/p1"}}]}`
	req, _ := http.NewRequest("POST", server.URL+"/v1/ingestion/fhir/Bundle", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/fhir+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode, <-handled)
	// Output: 202 Patient/p1
}

// Accept Bundles without HTTP.
func ExampleService_Accept() {
	topic, _, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{NoUploads: true})
	if err != nil {
		panic(err)
	}
	body := []byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}`)
	receipt, err := svc.Accept(context.Background(), ingest.Caller{OrganizationID: "demo"}, ingest.AcceptRequest{Body: bytes.NewReader(body)})
	if err != nil {
		panic(err)
	}
	fmt.Println(receipt.Job.State, receipt.Job.ResourceCounts)
	// Output: accepted map[Patient:1]
}

// A program that is called with each wake-up, such as a cloud function.
func ExampleWorker_Work() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the call's
	defer cancel()
	topic, _, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{NoUploads: true})
	if err != nil {
		panic(err)
	}
	worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		fmt.Println(len(b.Resources), "of", b.Job.OrganizationID)
		return nil
	}), nil)
	if err != nil {
		panic(err)
	}
	who := ingest.Caller{OrganizationID: "demo"}
	receipt, err := svc.Accept(ctx, who, ingest.AcceptRequest{Body: strings.NewReader(small)})
	if err != nil {
		panic(err)
	}
	fmt.Println(worker.Work(ctx, receipt.Job.ID)) // after an error, give the message back
	job, err := svc.Job(ctx, who, receipt.Job.ID)
	fmt.Println(job.State, err)
	// Output:
	// 1 of demo
	// <nil>
	// completed <nil>
}

// Process one job of an organization at a time, oldest first, and none after a failed
// one. One organization has twice the share of the others.
func ExampleWorkerOptions_orderPerOrganization() {
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(memblob.OpenBucket(nil), nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         jobs.NewMemStore(),
	}, &ingest.Options{NoUploads: true})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		fmt.Println(b.Job.UserID)
		if b.Job.UserID == "third" {
			stop()
		}
		return nil
	})
	worker, err := ingest.NewWorker(svc, handler, &ingest.WorkerOptions{
		OrderPerOrganization: true,
		HeadOfLine:           ingest.Block,
		Weight: func(organizationID string) int {
			if organizationID == "premium" {
				return 2
			}
			return 1
		},
	})
	if err != nil {
		panic(err)
	}
	for _, user := range []string{"first", "second", "third"} {
		_, err := svc.Accept(ctx, ingest.Caller{OrganizationID: "demo", UserID: user}, ingest.AcceptRequest{Body: strings.NewReader(
			`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}`)})
		if err != nil {
			panic(err)
		}
	}
	if err := worker.Run(ctx); err != nil {
		panic(err)
	}
	// Output:
	// first
	// second
	// third
}

// A handler that writes to a store with transactions, which may be busy.
func ExampleBatch_Aborted() {
	var store []string
	var busy error
	handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		var written []string
		for i, r := range b.Resources {
			if r.Type == "Device" {
				b.Reject(i, "not-supported", "Devices are not kept here")
				continue
			}
			written = append(written, r.ID)
		}
		if b.Aborted() {
			return nil // nothing of the transaction is stored, and the job fails
		}
		if busy != nil {
			return ingest.Wait(10*time.Minute, busy) // from its Retry-After
		}
		store = append(store, written...) // commit
		return nil
	})
	resources := []ingest.Resource{{Type: "Patient", ID: "a"}, {Type: "Device", ID: "b"}}
	for _, transaction := range []bool{true, false} {
		b := &ingest.Batch{Transaction: transaction, Resources: slices.Clone(resources)}
		err := handler(context.Background(), b)
		fmt.Println(err, len(b.Rejected()), "rejected,", store)
	}
	// Output:
	// <nil> 1 rejected, []
	// <nil> 1 rejected, [a]
}

// Retry a job when its target asks for it.
func ExampleWait() {
	handler := ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
		answer := &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"120"}}}
		if answer.StatusCode == http.StatusServiceUnavailable {
			seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
			return ingest.Wait(time.Duration(seconds)*time.Second, errors.New("the server is overloaded"))
		}
		return nil
	})
	fmt.Println(handler(context.Background(), &ingest.Batch{}))
	// Output: wait for 2m0s: the server is overloaded
}
