//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/apigateway/apigatewaytest"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

var binary string

func TestMain(m *testing.M) { proctest.Main(m, &binary) }

// service runs all functions as processes, on a real S3 server, PostgreSQL and RabbitMQ.
// The test plays AWS and delivers the events.
type service struct {
	api, uploads, worker, sweeper *lambdaFunction
	wakeUps                       <-chan string // message bodies
	store                         *objectstores.Storage
	bucket                        string
}

func startService(t *testing.T) *service {
	t.Helper()
	return startServiceAs(t, "", nil)
}

// startServiceAs is startService with one function restricted to a policy's rights on the
// bucket.
func startServiceAs(t *testing.T, restricted string, policy []byte, more ...string) *service {
	t.Helper()
	store := objectstores.Lend(t, objectstores.In(t.TempDir(), objectstores.S3))
	db, queue := proctest.Lend(t, servers.Postgres), proctest.Lend(t, servers.Rabbit)
	env := append(queue.Env, "FHIRDOCK_BLOB="+store.URL, "FHIRDOCK_JOBS="+db.Jobs, "FHIRDOCK_TOPIC="+queue.Topic)
	s := startFunctions(t, store, restricted, policy, append(env, more...))
	s.wakeUps = receive(t, queue)
	return s
}

func startFunctions(t *testing.T, store *objectstores.Storage, restricted string, policy []byte, env []string) *service {
	t.Helper()
	env = append(env, "FHIRDOCK_BATCH_BYTES=1KB")
	start := func(handler string) *lambdaFunction {
		env := slices.Clone(env)
		if handler == restricted {
			credentials, err := store.Restrict(t.Context(), policy)
			require.NoError(t, err)
			for name, value := range credentials {
				env = append(env, name+"="+value)
			}
		}
		return startFunction(t, handler, env...)
	}
	return &service{
		bucket: "versioned", store: store,
		api: start("api"), uploads: start("uploads"), worker: start("worker"), sweeper: start("sweeper"),
	}
}

// receive creates the queue whose messages the test delivers to the worker.
func receive(t *testing.T, lent *servers.Lent) <-chan string {
	t.Helper()
	name := strings.TrimPrefix(lent.Topic, "rabbit://")
	conn, err := amqp.Dial(strings.TrimPrefix(lent.Env[0], "RABBIT_SERVER_URL="))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil))
	_, err = ch.QueueDeclare(name, true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.QueueBind(name, "", name, false, nil))
	messages, err := ch.Consume(name, "", true, false, false, false, nil)
	require.NoError(t, err)
	bodies := make(chan string)
	go func() { // until the connection is closed
		for m := range messages {
			select {
			case bodies <- string(m.Body):
			case <-t.Context().Done():
			}
		}
	}()
	return bodies
}

// woken returns the next wake-up.
func (s *service) woken(t *testing.T) string {
	t.Helper()
	select {
	case body := <-s.wakeUps:
		return body
	case <-time.After(10 * time.Second):
		require.Fail(t, "no wake-up was sent")
		return ""
	}
}

func (s *service) call(t *testing.T, event string) *apigatewaytest.Response {
	t.Helper()
	answer, failure := s.api.invoke(t, event, 29*time.Second)
	require.Empty(t, failure)
	return apigatewaytest.Decode(t, answer)
}

// work delivers wake-ups to the worker.
func (s *service) work(t *testing.T, timeout time.Duration, bodies ...string) {
	t.Helper()
	var messages []message
	for i, body := range bodies {
		messages = append(messages, message{fmt.Sprintf("m%d", i), "demo", body})
	}
	answer, failure := s.worker.invoke(t, sqsEvent(t, messages...), timeout)
	require.Empty(t, failure)
	require.JSONEq(t, `{"batchItemFailures":[]}`, answer)
}

// job returns a job as the organization sees it.
func (s *service) job(t *testing.T, id string) *frontdoor.Job {
	t.Helper()
	a := s.call(t, apigatewaytest.REST(t, apigatewaytest.Request{Method: http.MethodGet, Path: "/v1/ingestion/jobs/" + id, Authorizer: `{"organizationId":"demo"}`}))
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	var job frontdoor.Job
	require.NoError(t, json.Unmarshal([]byte(a.Body), &job))
	return &job
}

const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`

// ticket requests an upload.
func (s *service) ticket(t *testing.T) *frontdoor.Ticket {
	t.Helper()
	a := s.call(t, apigatewaytest.HTTP(t, apigatewaytest.Request{
		Method: http.MethodPost, Path: "/v1/ingestion/upload-url", Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"contentType":"application/fhir+ndjson"}`, Authorizer: `{"jwt":{"claims":{"organizationId":"demo"}}}`,
	}))
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	var ticket frontdoor.Ticket
	require.NoError(t, json.Unmarshal([]byte(a.Body), &ticket))
	require.Contains(t, a.Body, `"s3Bucket":"versioned"`)
	return &ticket
}

// upload requests an upload and sends it.
func (s *service) upload(t *testing.T, lines []byte) *frontdoor.Ticket {
	t.Helper()
	ticket := s.ticket(t)
	require.NoError(t, (&frontdoor.Client{}).Upload(t.Context(), ticket, bytes.NewReader(lines), int64(len(lines))))
	return ticket
}

// The pipeline end to end in the original service's shape: only events connect the
// functions.
func TestFunctions(t *testing.T) {
	try(t, startService(t))
}

// try runs the functions together.
func try(t *testing.T, s *service) {
	t.Run("a Bundle by webhook", func(t *testing.T) {
		for name, by := range authorizers {
			r := apigatewaytest.Request{
				Method: http.MethodPost, Path: "/v1/ingestion/fhir/Bundle", Body: bundle, Authorizer: said(by.says, "demo"),
				Header: http.Header{"Content-Type": {"application/fhir+json"}, "X-Organization-Id": {"victim"}, "Authorization": {"Bearer victim"}},
			}
			a := s.call(t, by.event(t, r))
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			var receipt frontdoor.Receipt
			require.NoError(t, json.Unmarshal([]byte(a.Body), &receipt))
			require.Equal(t, "accepted", s.job(t, receipt.JobID).Status, name)
			s.work(t, time.Minute, s.woken(t))
			job := s.job(t, receipt.JobID)
			require.Equal(t, "completed", job.Status, name)
			require.Contains(t, job.Outputs[0].Key, "processed/demo/", "the tenant is the authorizer's")

			// Another tenant does not see it.
			look := func(id, authorizer string) *apigatewaytest.Response {
				return s.call(t, by.event(t, apigatewaytest.Request{Method: http.MethodGet, Path: "/v1/ingestion/jobs/" + id, Authorizer: authorizer,
					Header: http.Header{"X-Organization-Id": {"demo"}, "X-Request-Id": {"same"}}}))
			}
			foreign := look(receipt.JobID, said(by.says, "other"))
			require.Equal(t, http.StatusNotFound, foreign.StatusCode)
			require.Equal(t, look("00000000-0000-4000-8000-000000000000", said(by.says, "other")), foreign)
			require.Equal(t, http.StatusUnauthorized, look(receipt.JobID, "").StatusCode)
			require.Equal(t, http.StatusForbidden, look(receipt.JobID, said(by.says, "../demo")).StatusCode)
		}
	})

	t.Run("an upload", func(t *testing.T) {
		ticket := s.upload(t, []byte(`{"resourceType":"Patient","id":"a"}`))
		require.Equal(t, "awaiting_upload", s.job(t, ticket.UploadID).Status)
		for _, ignored := range []string{
			s3Event(t, "ObjectCreated:Put", "another-bucket", ticket.Key),
			s3Event(t, "ObjectRemoved:Delete", s.bucket, ticket.Key),
			s3Event(t, "ObjectCreated:Put", s.bucket, "incoming/fhir/demo/not-asked.ndjson"),
			`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-01T00:00:00.000Z","Bucket":"versioned","RequestId":"a","HostId":"b"}`,
			`{}`, `null`, `[1]`,
		} {
			answer, failure := s.uploads.invoke(t, ignored, 30*time.Second)
			require.Empty(t, failure, ignored)
			require.Contains(t, answer, `"errors":0`)
		}
		require.Equal(t, "awaiting_upload", s.job(t, ticket.UploadID).Status)
		for range 2 { // S3 may deliver it twice
			answer, failure := s.uploads.invoke(t, s3Event(t, "ObjectCreated:Put", s.bucket, ticket.Key), 30*time.Second)
			require.Empty(t, failure)
			require.JSONEq(t, `{"processed":1,"errors":0}`, answer)
		}
		s.work(t, time.Minute, s.woken(t))
		require.Equal(t, "completed", s.job(t, ticket.UploadID).Status)
	})

	t.Run("a job that takes longer than the function", func(t *testing.T) {
		var lines bytes.Buffer
		for i := range 8000 {
			fmt.Fprintf(&lines, `{"resourceType":"Patient","id":"p%d","active":true,"gender":"unknown"}`+"\n", i)
		}
		ticket := s.upload(t, lines.Bytes())
		_, failure := s.uploads.invoke(t, s3Event(t, "ObjectCreated:Put", s.bucket, ticket.Key), 30*time.Second)
		require.Empty(t, failure)
		s.work(t, 2*time.Second, s.woken(t))
		job := s.job(t, ticket.UploadID)
		require.Equal(t, "accepted", job.Status, "it was given back")
		require.Zero(t, job.Attempt, "that attempt does not count")
		require.Positive(t, job.Progress.Done)
		require.Less(t, job.Progress.Done, int64(8000))
		s.work(t, time.Minute, s.woken(t)) // sent by the function itself
		job = s.job(t, ticket.UploadID)
		require.Equal(t, "completed", job.Status)
		require.EqualValues(t, 8000, job.Progress.Done)
		require.EqualValues(t, 8000, job.Outputs[0].Count, "each resource once")
		require.Equal(t, 1, job.Attempt)
	})

	t.Run("a wake-up that is lost", func(t *testing.T) {
		a := s.call(t, apigatewaytest.HTTP(t, apigatewaytest.Request{Method: http.MethodPost, Path: "/v1/ingestion/fhir/Bundle", Body: bundle,
			Header: http.Header{"Content-Type": {"application/fhir+json"}}, Authorizer: `{"lambda":{"organizationId":"demo"}}`}))
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
		lost := s.woken(t)
		var again string
		require.Eventually(t, func() bool {
			_, failure := s.sweeper.invoke(t, scheduleEvent, time.Minute)
			require.Empty(t, failure)
			select {
			case again = <-s.wakeUps:
				return true
			case <-time.After(50 * time.Millisecond):
				return false
			}
		}, 10*time.Second, 50*time.Millisecond)
		s.work(t, time.Minute, again)
		s.work(t, time.Minute, lost) // late, and harmless
		var receipt frontdoor.Receipt
		require.NoError(t, json.Unmarshal([]byte(a.Body), &receipt))
		require.Equal(t, "completed", s.job(t, receipt.JobID).Status)
	})

	t.Run("an event of another kind", func(t *testing.T) {
		for _, f := range []*lambdaFunction{s.api, s.worker} {
			_, failure := f.invoke(t, `"secret"`, time.Minute)
			require.Contains(t, failure, "not a")
			require.NotContains(t, failure+f.process.Stderr.String(), "secret")
		}
		require.Equal(t, http.StatusUnauthorized, s.call(t, apigatewaytest.HTTP(t, apigatewaytest.Request{Method: http.MethodGet, Path: "/v1/ingestion/jobs"})).StatusCode, "the function still works")
	})
}

// Invalid settings fail at the start. The error names the variable, without its value.
func TestInvalidSettings(t *testing.T) {
	good := []string{"_HANDLER=api", "FHIRDOCK_BLOB=s3://b?region=us-east-1", "FHIRDOCK_TOPIC=mem://t", "FHIRDOCK_JOBS=sqlite:jobs.db"}
	for want, change := range map[string]string{
		"_HANDLER must be api, sweeper, uploads, worker": "_HANDLER=hunter2",
		"FHIRDOCK_BLOB is missing":                       "FHIRDOCK_BLOB=",
		"FHIRDOCK_JOBS is missing":                       "FHIRDOCK_JOBS=",
		"FHIRDOCK_TOPIC is missing":                      "FHIRDOCK_TOPIC=",
		"FHIRDOCK_BLOB must be a bucket that accepts":    "FHIRDOCK_BLOB=mem://",
		"FHIRDOCK_TOPIC must not be a queue within":      "FHIRDOCK_TOPIC=mem://hunter2",
		"FHIRDOCK_MAX_BODY must be a size":               "FHIRDOCK_MAX_BODY=hunter2",
		"FHIRDOCK_POKE has a value":                      "FHIRDOCK_POKE=hunter2",
		"FHIRDOCK_MIGRATIONS must be":                    "FHIRDOCK_MIGRATIONS=hunter2",
		"FHIRDOCK_LOG_LEVEL must be":                     "FHIRDOCK_LOG_LEVEL=hunter2",
		"FHIRDOCK_PUBLIC_URL must be":                    "FHIRDOCK_PUBLIC_URL=https://user:hunter2@host",
	} {
		p := proctest.Start(t, "env", append(append([]string{"FHIRDOCK_DATA=" + t.TempDir()}, good...), change, binary)...)
		require.Equal(t, 1, p.Exit(t, 20*time.Second))
		require.Contains(t, p.Stderr.String(), want)
		require.NotContains(t, p.Stderr.String(), "hunter2")
	}
}
