package docservers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// front is an HTTP proxy that hides from the server that a client disconnected during a
// request: dynalite then hangs and answers no more requests for the item. It can also lose
// responses.
type front struct {
	inner  string // host and port
	lost   atomic.Int64
	lags   atomic.Bool
	halves atomic.Bool // return partial batches
	server *http.Server
	done   chan struct{}

	mu   sync.Mutex
	last map[string][]byte // previous responses to inconsistent reads
}

// startFront starts a front on a free port and returns its address.
func startFront(ctx context.Context, inner string) (*front, string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	f := &front{inner: inner, done: make(chan struct{}), last: map[string][]byte{}}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(f.done)
		_ = f.server.Serve(listener) // until it is closed
	}()
	return f, listener.Addr().String(), nil
}

func (f *front) stop() error {
	err := f.server.Close()
	<-f.done
	return err
}

// loseAnswers makes the next n writes of single items succeed without a response.
func (f *front) loseAnswers(n int) { f.lost.Store(int64(n)) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, "http://"+f.inner+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	maps.Copy(out.Header, r.Header)
	out.Host = r.Host
	resp, err := http.DefaultClient.Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	if r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.PutItem" && resp.StatusCode == http.StatusOK && f.lost.Add(-1) >= 0 {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if f.lags.Load() && resp.StatusCode == http.StatusOK {
		answer = f.stale(r.Header.Get("X-Amz-Target"), body, answer)
	}
	if f.halves.Load() && resp.StatusCode == http.StatusOK && r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.BatchGetItem" {
		answer = half(body, answer)
	}
	maps.Copy(w.Header(), resp.Header)
	for _, name := range []string{"Content-Length", "X-Amz-Crc32"} { // they belong to the original response
		w.Header().Del(name)
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer)
}

// stale returns the previous response to the same read, unless the read is consistent.
func (f *front) stale(target string, body, answer []byte) []byte {
	switch target {
	case "DynamoDB_20120810.Query", "DynamoDB_20120810.Scan", "DynamoDB_20120810.GetItem", "DynamoDB_20120810.BatchGetItem":
		if bytes.Contains(body, []byte(`"ConsistentRead":true`)) {
			return answer
		}
	default:
		return answer
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var sorted any // the SDK writes names in random order
	if json.Unmarshal(body, &sorted) == nil {
		body, _ = json.Marshal(sorted)
	}
	key := target + " " + string(body)
	before, ok := f.last[key]
	f.last[key] = answer
	if ok {
		return before
	}
	return answer
}

// half returns a batch's response with only its first item, as DynamoDB does if it lacks
// room or time.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
func half(body, answer []byte) []byte {
	var asked struct{ RequestItems map[string]json.RawMessage }
	var got struct {
		Responses       map[string][]json.RawMessage
		UnprocessedKeys map[string]json.RawMessage
	}
	if json.Unmarshal(body, &asked) != nil || json.Unmarshal(answer, &got) != nil {
		return answer
	}
	got.UnprocessedKeys = map[string]json.RawMessage{}
	for table, items := range got.Responses {
		if len(items) > 1 {
			got.Responses[table] = items[:1]
			got.UnprocessedKeys[table] = asked.RequestItems[table] // including the processed one
		}
	}
	part, err := json.Marshal(got)
	if err != nil {
		return answer
	}
	return part
}
