package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/fileblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// Text from a sender or a handler that must not be in a log, a record, a response or an
// event. marker is used wherever text can be; the id of a resource may be in the outcomes,
// for its sender, and nowhere else.
const (
	marker   = "Zqxmark"
	markerID = "zqx-ident"
)

// refusal is a database's error that quotes the refused value.
type refusal struct{ text string }

func (r *refusal) Error() string  { return r.text }
func (*refusal) SQLState() string { return "22007" }

// answered is an HTTP client's error.
type answered struct {
	StatusCode int
	Body       string
}

func (a answered) Error() string { return a.Body }

const (
	aBundle = `{"resourceType":"Bundle","id":"zqx-ident","type":"TYPE","Zqxmark":"Zqxmark","entry":[
		{"fullUrl":"http://Zqxmark.example/Patient/zqx-ident","resource":{"resourceType":"Patient","id":"zqx-ident","name":[{"family":"Zqxmark"}]},
			"request":{"method":"PUT","url":"Patient/zqx-ident","ifMatch":"Zqxmark"}},
		{"resource":{"resourceType":"Zqxmark","id":"zqx-ident","x":[]},"request":{"method":"Zqxmark","url":"Zqxmark/$Zqxmark"}},
		{"resource":{"resourceType":"Zqxmark","contained":[{"resourceType":"Zqxmark","id":"Zqxmark"}]},"request":{"method":"POST","url":"Zqxmark"}},
		{"fullUrl":"Zqxmark","request":{"method":"DELETE","url":"Zqxmark?Zqxmark=Zqxmark"}},
		{"resource":{"resourceType":"Observation","subject":{"reference":"Zqxmark/Zqxmark"}}}]}`
	someLines = `{"resourceType":"Zqxmark","id":"zqx-ident","name":"Zqxmark"}
{"resourceType":"Patient","id":"zqx-ident","name":[{"family":"Zqxmark"}],"Zqxmark":1,"Zqxmark":2}
{"resourceType":"Zq xmark Zqxmark","id":"Zqxmark Zqxmark"}
{"Zqxmark":Zqxmark}
Zqxmark
{"resourceType":"Patient","id":"zqx-ident"}
`
)

// troubles are handlers' failures, each with the marker in its text.
func troubles() map[string]func() error {
	text := "for Zqxmark, born Zqxmark"
	return map[string]func() error{
		"text":      func() error { return errors.New(text) },
		"database":  func() error { return fmt.Errorf("insert %s: %w", text, &refusal{text}) },
		"server":    func() error { return fmt.Errorf("%s: %w", text, answered{422, text}) },
		"joined":    func() error { return errors.Join(errors.New(text), &refusal{text}, (*refusal)(nil)) },
		"permanent": func() error { return ingest.Permanent(fmt.Errorf("%s: %w", text, &refusal{text})) },
		"wait":      func() error { return ingest.Wait(time.Minute, errors.New(text)) },
		"failure": func() error {
			return fmt.Errorf("%s: %w", text, &ingest.Failure{Code: "mine", Message: "Not taken", Permanent: true, Err: errors.New(text)})
		},
		"start over":   func() error { return ingest.StartOver(errors.New(text)) },
		"path":         func() error { return &os.PathError{Op: "write", Path: text, Err: errors.New(text)} },
		"panic":        func() error { panic(text) },
		"panic error":  func() error { panic(&refusal{text}) },
		"panic struct": func() error { panic(struct{ Name string }{text}) },
		"panic index":  func() error { _ = text[len(os.Args)+1000:]; return nil },
	}
}

// troubled is a handler that fails at a given method.
type troubled struct {
	where   string
	trouble func() error
	times   atomic.Int32
}

func (h *troubled) at(where string) error {
	if where == h.where && h.times.Add(1) < 3 {
		return h.trouble()
	}
	return nil
}

func (h *troubled) Handle(_ context.Context, b *ingest.Batch) error {
	if len(b.Resources) > 1 && !b.Transaction {
		b.Reject(0, "business-rule", "Not this one")
	}
	return h.at("handle")
}
func (h *troubled) Finish(context.Context, *jobs.Job) ([]jobs.Output, error) {
	return nil, h.at("finish")
}
func (h *troubled) Discard(context.Context, *jobs.Job) error { return h.at("discard") }

// said returns everything that a pipeline writes, except for the outcomes.
func said(t *testing.T, p *ingesttest.Pipeline, answers []string) string {
	t.Helper()
	for _, e := range p.Events() {
		answers = append(answers, fmt.Sprintf("%+v", e))
	}
	for cursor := ""; ; {
		page, err := p.Jobs.List(t.Context(), jobs.Query{OrganizationID: ingesttest.Organization, Cursor: cursor})
		require.NoError(t, err)
		for _, job := range page.Jobs {
			raw, err := json.Marshal(job)
			require.NoError(t, err)
			answers = append(answers, string(raw), string(p.Client.Job(t, job.ID).Body))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return strings.Join(append(answers, p.Logs()), "\n")
}

func requireSilent(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		folded := strings.ToLower(line)
		if strings.Contains(folded, strings.ToLower(marker)) || strings.Contains(folded, markerID) {
			t.Fatalf("this line must not contain the marker: %s", line)
		}
	}
}

// sendMarked sends each payload in every way, and waits until nothing is left to do. It
// returns the responses, and the outcomes separately.
func sendMarked(t *testing.T, p *ingesttest.Pipeline) (answers, outcomes []string) {
	t.Helper()
	var ids []string
	for _, kind := range []string{"batch", "transaction", "collection", marker, "history"} {
		body := strings.Replace(aBundle, "TYPE", kind, 1)
		answer := p.Client.Do(t, "POST", "/v1/ingestion/fhir/Bundle", "application/fhir+json", strings.NewReader(body))
		answers = append(answers, string(answer.Body), fmt.Sprint(answer.Header))
		if answer.Status == 202 {
			var accepted ingesttest.Accepted
			answer.JSON(t, &accepted)
			ids = append(ids, accepted.JobID)
		}
		ids = append(ids, p.Client.Upload(t, "application/fhir+json", []byte(body)))
	}
	for _, broken := range []string{`{"resourceType":"` + marker + `"}`, `{"` + marker, strings.Replace(aBundle, "[]", marker, 1)} {
		answer := p.Client.Do(t, "POST", "/v1/ingestion/fhir/Bundle", "application/fhir+json", strings.NewReader(broken))
		require.Equal(t, 400, answer.Status)
		answers = append(answers, string(answer.Body))
		ids = append(ids, p.Client.Upload(t, "application/fhir+json", []byte(broken)))
	}
	ids = append(ids, p.Client.Upload(t, ndjson, []byte(someLines)), p.Client.Upload(t, ndjson, []byte(strings.Repeat(marker+"\n", 3))))
	for _, id := range ids {
		job := p.WaitFor(t, id, func(j *jobs.Job) bool {
			if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
				p.Advance(t, 10*time.Minute)
			}
			return j.State.Finished()
		})
		outcomes = append(outcomes, string(p.Client.Outcomes(t, job.ID).Body))
	}
	return answers, outcomes
}

// Nothing that a sender wrote is in a log, record, event or response, however a handler or
// a disk fails.
func TestNothingOfAPayloadIsShown(t *testing.T) {
	for name, trouble := range troubles() {
		for _, where := range []string{"handle", "finish", "discard"} {
			t.Run(name+" at "+where, func(t *testing.T) {
				t.Parallel()
				p := ingesttest.NewWithOptions(t, &ingesttest.Options{
					Handler: &troubled{where: where, trouble: trouble}, Service: ingest.Options{MaxAttempts: 4},
					Worker: ingest.WorkerOptions{BatchResources: 2},
				})
				answers, outcomes := sendMarked(t, p)
				requireSilent(t, said(t, p, answers))
				requireSilent(t, strings.ReplaceAll(strings.Join(outcomes, "\n"), `"id":"`+markerID+`"`, ""))
			})
		}
	}
	// A disk and a bucket that fail under the lake, each with its own text.
	t.Run("disk", func(t *testing.T) {
		folder := t.TempDir()
		bucket, err := fileblob.OpenBucket(folder, nil)
		require.NoError(t, err)
		defer bucket.Close()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "processed"), nil, 0o600)) // where a folder should be
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Bucket: bucket, Handler: newLake(t, bucket, nil), Service: ingest.Options{MaxAttempts: 2},
		})
		answers, _ := sendMarked(t, p)
		all := said(t, p, answers)
		requireSilent(t, all)
		require.Contains(t, all, "not a directory", "operators need the bucket's errors")
	})
	t.Run("bucket", func(t *testing.T) {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{MaxAttempts: 3}})
		lake := newLake(t, faulttest.Bucket(p.Bucket, func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.BucketWrite && strings.HasSuffix(c.Key, "/Other.ndjson") {
				return faulttest.Before
			}
			return faulttest.None
		}), nil)
		p.Sink.Intercept(lake.Handle)
		answers, _ := sendMarked(t, p)
		all := said(t, p, answers)
		requireSilent(t, all)
		require.Contains(t, all, "write Other.ndjson", "operators need the bucket's errors")
	})
}

// requireLogged waits for a text in the log: a line may be written just after the record.
func requireLogged(t *testing.T, p *ingesttest.Pipeline, text, name string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.Logs(), text) }, 10*time.Second, time.Millisecond,
		"%s: %s", name, text)
}

// A handler's error is logged as far as it is safe.
func TestHandlersErrorsAreLogged(t *testing.T) {
	for name, want := range map[string][]string{
		"text":         {`"type":"*errors.errorString"`, `"code":"handler"`},
		"database":     {`"type":"*ingest_test.refusal"`, `"sqlstate":"22007"`},
		"server":       {`"type":"ingest_test.answered"`, `"status":422`},
		"joined":       {`"type":"*ingest_test.refusal: *ingest_test.refusal"`, `"sqlstate":"22007"`},
		"permanent":    {`"sqlstate":"22007"`, `"msg":"job failed"`},
		"failure":      {`"code":"mine"`},
		"path":         {`"type":"*fs.PathError"`},
		"panic":        {`"type":"string"`, "privacy_test.go:", `"code":"handler-panic"`},
		"panic error":  {`"type":"*ingest_test.refusal"`},
		"panic struct": {`"type":"struct { Name string }"`},
		"panic index":  {`"type":"runtime.boundsError"`},
	} {
		for _, asText := range []bool{false, true} {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{
				Handler: &troubled{where: "handle", trouble: troubles()[name]},
				Service: ingest.Options{LogHandlerErrors: asText, MaxAttempts: 1},
			})
			p.Wait(t, p.Client.PostBundle(t, []byte(twoPatients)).JobID)
			if !asText {
				for _, w := range want {
					requireLogged(t, p, w, name)
				}
				requireSilent(t, p.Logs())
			} else if name != "panic index" && name != "joined" { // whose text is another panic
				requireLogged(t, p, "born "+marker, name)
			}
			require.NotContains(t, p.Logs(), "(0x", "no arguments in a stack")
		}
	}
}
