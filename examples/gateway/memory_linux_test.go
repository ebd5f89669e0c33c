package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// allowed returns the memory that callers of one kind may take together. The race detector
// needs a multiple of it.
func allowed() int64 {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 1 << 30
	}
	return 200 << 20
}

// memory returns the anonymous memory of a process, in bytes.
func memory(t *testing.T, p *proctest.Process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	require.NoError(t, err)
	found := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, found)
	n, err := strconv.ParseInt(string(found[1]), 10, 64)
	require.NoError(t, err)
	return n << 10
}

// peak returns the maximum memory of a process while do runs.
func peak(t *testing.T, p *proctest.Process, do func()) int64 {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	most := memory(t, p)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-tick.C:
			most = max(most, memory(t, p))
		case <-done:
			tick.Stop()
			return most
		}
	}
}

// Unsigned bodies take little memory until they are refused, and leave no files.
func TestUnsignedBodiesTakeLittleMemory(t *testing.T) {
	const senders, size = 20, 58 << 20
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strong))
	p, client := gateway(t, t.TempDir(), "-webhook", "demo="+secret)
	post(t, client, strings.Replace(tiny, "%s", "p1", 1)) // warm up
	idle := memory(t, p)
	part := strings.Repeat("x", 64<<10) // of one long entry, which is held in memory as a whole
	var held sync.WaitGroup
	end := make(chan struct{})
	var answers sync.Map
	most := peak(t, p, func() {
		var ended sync.WaitGroup
		for i := range senders {
			held.Add(1)
			ended.Go(func() {
				conn, err := net.Dial("tcp", strings.TrimPrefix(client.Base, "http://"))
				if err != nil {
					held.Done()
					return
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				fmt.Fprintf(conn, "POST /v1/ingestion/fhir/Bundle?endpoint=demo HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n"+
					"webhook-id: msg_%d\r\nwebhook-timestamp: %d\r\nwebhook-signature: v1,%s\r\n\r\n", size, i, time.Now().Unix(), base64.StdEncoding.EncodeToString(make([]byte, 32)))
				sent, _ := io.WriteString(conn, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":"`)
				for sent+len(part) < size { // the last bytes are never sent
					n, err := io.WriteString(conn, part)
					if sent += n; err != nil {
						break
					}
				}
				held.Done()
				<-end
				_ = conn.(*net.TCPConn).CloseWrite()
				if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
					answers.Store(i, resp.StatusCode)
					resp.Body.Close()
				}
			})
		}
		held.Wait()
		time.Sleep(300 * time.Millisecond)
		close(end)
		ended.Wait()
	})
	counts := map[int]int{}
	answers.Range(func(_, status any) bool { counts[status.(int)]++; return true })
	t.Logf("idle %d MB, with %d unsigned bodies of %d MB %d MB more; answers %v", idle>>20, senders, size>>20, (most-idle)>>20, counts)
	require.Less(t, most-idle, allowed())
}

// Slow readers of long lists take little memory.
func TestSlowReadersOfListsTakeLittleMemory(t *testing.T) {
	const readers, records = 60, 120                          // a list in memory takes 80 kB a job
	p, client := gateway(t, t.TempDir(), "-max-lists", "200") // enough for all
	// 100 findings each, the maximum that is recorded.
	faulty := `{"resourceType":"Bundle","type":"collection","entry":[` +
		strings.TrimSuffix(strings.Repeat(`{"fullUrl":"x","resource":{"resourceType":"Patient","id":"_","text":""}},`, 120), ",") + `]}`
	var posted sync.WaitGroup
	for range 4 {
		posted.Go(func() {
			for range records / 4 {
				resp := post(t, client, faulty)
				for ; resp.StatusCode == http.StatusServiceUnavailable; resp = post(t, client, faulty) {
					time.Sleep(20 * time.Millisecond) // wait for the worker
				}
				if resp.StatusCode != http.StatusAccepted {
					t.Error(resp.Status)
				}
			}
		})
	}
	posted.Wait()
	idle := memory(t, p)
	most := peak(t, p, func() {
		var ended sync.WaitGroup
		for range readers {
			ended.Go(func() {
				conn, err := net.Dial("tcp", strings.TrimPrefix(client.Base, "http://"))
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_ = conn.(*net.TCPConn).SetReadBuffer(4096)
				fmt.Fprintf(conn, "GET /v1/ingestion/jobs?limit=500 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev\r\n\r\n")
				_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
				for err == nil {
					_, err = conn.Read(make([]byte, 16))
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		ended.Wait()
	})
	t.Logf("idle %d MB, with %d slow readers of %d jobs %d MB more", idle>>20, readers, records, (most-idle)>>20)
	require.Less(t, most-idle, allowed())
}
