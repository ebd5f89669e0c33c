package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

var binary string

func TestMain(m *testing.M) { proctest.Main(m, &binary) }

// From main to a running pipeline it is at most 25 lines, blank ones included.
func TestLines(t *testing.T) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "main.go", nil, 0)
	require.NoError(t, err)
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "main" {
			require.LessOrEqual(t, fset.Position(fn.Body.Rbrace).Line-fset.Position(fn.Body.Lbrace).Line-1, 25)
			return
		}
	}
	t.Fatal("there is no main")
}

func TestPipeline(t *testing.T) {
	p := proctest.Start(t, binary, "-addr", "127.0.0.1:0")
	base := p.Wait(t, `listening on (http://127\.0\.0\.1:[0-9]+),`)[1]

	c := &frontdoor.Client{Base: base, Token: "dev"}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const bundle = `{"resourceType":"Bundle","type":"batch","entry":[
		{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
		{"request":{"method":"DELETE","url":"Patient/b"}}]}`
	receipt, err := c.PostBundle(ctx, strings.NewReader(bundle), int64(len(bundle)))
	require.NoError(t, err)
	job, err := c.Follow(ctx, receipt.JobID, nil)
	require.NoError(t, err)
	require.Equal(t, "completed", job.Status)
	require.Equal(t, "1 1", fmt.Sprint(job.Progress.Done, " ", job.Progress.Rejected))

	ticket, err := c.UploadURL(ctx, "application/fhir+ndjson", 0)
	require.NoError(t, err)
	const line = `{"resourceType":"Observation","id":"o"}`
	require.NoError(t, c.Upload(ctx, ticket, strings.NewReader(line), int64(len(line))))
	job, err = c.Follow(ctx, ticket.UploadID, nil)
	require.NoError(t, err)
	require.Equal(t, "completed", job.Status)
	require.Contains(t, p.Stderr.String(), "job "+job.JobID+": Observation, 39 bytes")
}

func TestAddressThatOthersReach(t *testing.T) {
	for addr, want := range map[string]string{
		":0": "must be on loopback", "0.0.0.0:0": "must be on loopback", "[::]:0": "must be on loopback",
		"192.0.2.1:0": "must be on loopback", "fhir.example:0": "must be on loopback", "nowhere": "must be HOST:PORT",
	} {
		p := proctest.Start(t, binary, "-addr", addr)
		require.Equal(t, 1, p.Exit(t, 10*time.Second), addr)
		require.Contains(t, p.Stderr.String(), "-addr "+want, addr)
	}
}
