//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

var gateway string

// TestMain builds the gateway. The test binary is also the bucket tool.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == bucketCommand {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	proctest.MainOf(m, &gateway, "../../gateway")
}

// A pairing that needs no server passes.
func TestEmbedded(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-short", "-row", "embedded", "-gateway", gateway}, nil, &out, &errs)
	require.Zero(t, code, out.String()+errs.String())
	require.Regexp(t, `(?m)^embedded +folder +in process +SQLite( +ok){8}$`, out.String())
	require.True(t, strings.HasSuffix(out.String(), "\n8 passed, 0 failed\n"), out.String())
}

// The checks find errors: the scenario runs once, and is then checked against other
// payloads.
func TestFindsErrors(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	r := &rig{
		pairing: pairings[0], config: &config{short: true, gateway: gateway, self: self},
		folder: filepath.Join(t.TempDir(), "rig"), log: t.Logf,
	}
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	require.NoError(t, r.start(t.Context()))
	s := &scenario{rig: r}
	require.NoError(t, upload(t.Context(), s))
	id, sent := s.ticket.UploadID, s.file
	find := func(p payload) string {
		err := s.completed(t.Context(), id, p, 1)
		require.Error(t, err)
		return err.Error()
	}
	missing := sent
	missing.ids = append(append([]string{}, sent.ids...), "never-sent")
	require.Contains(t, find(missing), "40 of 41 resources")
	another := sent
	another.ids = append(append([]string{}, sent.ids[1:]...), "never-sent")
	require.Contains(t, find(another), "never-sent is in the lake 0 times")
	require.Contains(t, s.inLake(t.Context(), id, payload{ids: sent.ids[1:]}).Error(), "40 resources are in the lake, of 39")

	lake := filepath.Join(r.folder, "objects", "processed", tenant, id, "Patient.ndjson")
	good, err := os.ReadFile(lake)
	require.NoError(t, err)
	first, _, _ := bytes.Cut(good, []byte("\n"))
	require.NoError(t, os.WriteFile(lake, append(append(good[:len(good):len(good)], first...), '\n'), 0o600))
	require.Contains(t, find(sent), "file-0 is in the lake 2 times")
}

func TestTally(t *testing.T) {
	p := pairing{"x", s3, inProcess, sqlite}
	results := []*result{
		{pairing: p, checked: []error{nil, none("of no use here"), errors.New("lost")}},
		{pairing: p, missing: fmt.Errorf("%w: versitygw", localserver.ErrMissing)},
	}
	var out bytes.Buffer
	c := tally(results)
	c.print(&out, time.Second)
	require.Equal(t, 1, c.failed)
	require.Contains(t, out.String(), ": lost")
	require.Contains(t, out.String(), "not tried: x: S3 + in process + SQLite: server is not installed")
	require.True(t, strings.HasSuffix(out.String(), "\n1 passed, 1 failed\n"))
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-workers", "0"}, {"-row", "no such row"}, {"more"}, {"-nope"}} {
		require.Equal(t, 2, run(t.Context(), args, nil, &bytes.Buffer{}, &bytes.Buffer{}), args)
	}
}
