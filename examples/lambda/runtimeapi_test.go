//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// runtimeAPI is a stand-in for Lambda's runtime API:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// Like the real one it has one event in progress at a time.
type runtimeAPI struct {
	next chan *invocation

	mu      sync.Mutex
	calls   int
	running *invocation // in progress
}

type invocation struct {
	id       string
	event    string
	deadline time.Time
	ended    chan struct{}
	answer   string // set before ended
	failure  string
}

const invocationPath = "/2018-06-01/runtime/invocation/"

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, invocationPath)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if path == "next" && r.Method == http.MethodGet {
		select {
		case i := <-a.next:
			a.mu.Lock()
			a.running = i
			a.mu.Unlock()
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", i.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:fhirdock")
			_, _ = io.WriteString(w, i.event)
		case <-r.Context().Done():
		}
		return
	}
	id, what, _ := strings.Cut(path, "/")
	a.mu.Lock()
	i := a.running
	a.running = nil
	a.mu.Unlock()
	if i == nil || i.id != id || r.Method != http.MethodPost || what != "response" && what != "error" {
		http.Error(w, "no such invocation", http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		body = fmt.Append(nil, err)
	}
	if what == "error" {
		i.failure = string(body)
	}
	i.answer = string(body)
	close(i.ended)
	w.WriteHeader(http.StatusAccepted)
}

// lambdaFunction is a running function.
type lambdaFunction struct {
	api     *runtimeAPI
	process *proctest.Process
}

// startFunction starts the program as Lambda does.
func startFunction(t testing.TB, handler string, env ...string) *lambdaFunction {
	t.Helper()
	api := &runtimeAPI{next: make(chan *invocation)}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close) // after the process, which waits for its response
	env = append(env, "AWS_LAMBDA_RUNTIME_API="+server.Listener.Addr().String(), "_HANDLER="+handler,
		"FHIRDOCK_DATA="+t.TempDir(), binary)
	return &lambdaFunction{api: api, process: proctest.Start(t, "env", env...)}
}

// invoke calls the function with an event and a time limit. failure is empty unless the
// call failed.
func (f *lambdaFunction) invoke(t testing.TB, event string, timeout time.Duration) (answer, failure string) {
	t.Helper()
	f.api.mu.Lock()
	f.api.calls++
	i := &invocation{id: fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", f.api.calls), event: event, ended: make(chan struct{})}
	f.api.mu.Unlock()
	i.deadline = time.Now().Add(timeout)
	started := time.After(30 * time.Second)
	select {
	case f.api.next <- i:
	case <-started:
		require.Fail(t, "the function requests no event", f.process.Stderr.String())
	}
	select {
	case <-i.ended:
	case <-time.After(time.Until(i.deadline)): // Lambda would kill it here
		require.Fail(t, "the function took too long", f.process.Stderr.String())
	}
	return i.answer, i.failure
}
