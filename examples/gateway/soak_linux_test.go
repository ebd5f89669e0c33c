package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

var (
	soak     = flag.Duration("soak", 20*time.Second, "how long TestSoak sends")
	soakKeep = flag.Duration("soak-keep", 3*time.Second, "the retention of TestSoak")
	soakRate = flag.Int("soak-rate", 60, "requests a second that TestSoak sends")
)

// level is the amount of everything at one time.
type level struct {
	at                    time.Duration
	records, unfinished   int
	files                 int // files and folders: the inodes
	disk, database, bytes int64
	memory                int64
}

// With a retention, a gateway under load does not grow in records, files, inodes, disk or
// memory. When sending stops, nothing is left. The long form:
//
//	go test ./gateway -run Soak -v -soak 30m -soak-keep 5m -timeout 50m
func TestSoak(t *testing.T) {
	data := t.TempDir()
	keep := soakKeep.String()
	p, c := gateway(t, data, "-keep-completed", keep, "-keep-failed", keep, "-keep-cancelled", keep, "-keep-expired", keep,
		"-keep-payloads", keep, "-keep-outcomes", keep, "-keep-staging", keep, "-upload-expiry", keep, "-sweep-every", "1s")

	ctx, stop := context.WithTimeout(t.Context(), *soak)
	defer stop()
	var load errgroup.Group
	var sent, refused atomic.Int64
	const senders = 4
	for sender := range senders {
		load.Go(func() error {
			tick := time.NewTicker(senders * time.Second / time.Duration(*soakRate))
			defer tick.Stop()
			for n := sender; ; n += senders {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				err := soakOne(t.Context(), c, n)
				if refusal, ok := errors.AsType[*frontdoor.Refusal](err); ok && refusal.Status == http.StatusServiceUnavailable {
					refused.Add(1) // on a busy machine
					continue
				}
				if err != nil {
					stop()
					return err
				}
				sent.Add(1)
			}
		})
	}
	// The output's consumer removes it.
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
				takeOutputs(data, min(*soakKeep, time.Minute))
			}
		}
	}()

	var levels []level
	began := time.Now()
	every := max(*soak/30, time.Second)
	for tick := time.NewTicker(every); ctx.Err() == nil; <-tick.C {
		l := measure(t, p, data)
		l.at = time.Since(began)
		levels = append(levels, l)
		t.Logf("%8s sent %7d  records %6d, unfinished %6d  files and folders %6d  on disk %6d KiB  database %6d KiB  memory %4d MiB",
			l.at.Round(time.Second), sent.Load(), l.records, l.unfinished, l.files, l.disk>>10, l.database>>10, l.memory>>20)
	}
	require.NoError(t, load.Wait())
	require.Positive(t, sent.Load())

	// After an initial growth, the last third is no higher than the one before.
	if settled := levels[len(levels)/3:]; len(settled) >= 6 {
		early, late := settled[:len(settled)/2], settled[len(settled)/2:]
		flat(t, "finished records", early, late, 50, func(l level) int64 { return int64(l.records - l.unfinished) })
		flat(t, "files and folders", early, late, 200, func(l level) int64 { return int64(l.files) })
		flat(t, "bytes on disk", early, late, 16<<20, func(l level) int64 { return l.disk })
		flat(t, "memory", early, late, 32<<20, func(l level) int64 { return l.memory })
	}
	var l level
	for end := time.Now().Add(3**soakKeep + time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		if l = measure(t, p, data); l.records == 0 && l.bytes == 0 {
			break
		}
	}
	require.Zero(t, l.records)
	require.Zero(t, l.bytes, "something is left of jobs that are gone: %q", left(t, data))
	t.Logf("sent %d, refused %d; then nothing but %d files and folders is left", sent.Load(), refused.Load(), l.files)
}

// persist retries while the gateway is busy: an issued ticket is kept for a day.
func persist(try func() error) error {
	err := try()
	for n := 0; n < 100 && isBusy(err); n++ {
		time.Sleep(100 * time.Millisecond)
		err = try()
	}
	return err
}

// soakOne creates one job. Most jobs complete.
func soakOne(ctx context.Context, c *frontdoor.Client, n int) error {
	switch n % 20 {
	case 17: // most lines are rejected
		lines := strings.Repeat("{\"resourceType\":\n", 20) + `{"resourceType":"Patient"}` + "\n"
		ticket, err := c.UploadURL(ctx, "application/fhir+ndjson", 0)
		if err != nil {
			return err
		}
		return persist(func() error { return c.Upload(ctx, ticket, strings.NewReader(lines), int64(len(lines))) })
	case 18: // fails
		ticket, err := c.UploadURL(ctx, "application/fhir+json", 0)
		if err != nil {
			return err
		}
		return persist(func() error { return c.Upload(ctx, ticket, strings.NewReader("{"), 1) })
	case 19: // is cancelled; an upload that never arrives would be kept for a day
		ticket, err := c.UploadURL(ctx, "application/fhir+json", 0)
		if err != nil {
			return err
		}
		return persist(func() error { return c.Cancel(ctx, ticket.UploadID) })
	}
	_, err := c.PostBundle(ctx, bundle(fmt.Sprint(n)), -1)
	return err
}

// takeOutputs removes job output that is older than age.
func takeOutputs(data string, age time.Duration) {
	root := filepath.Join(backends.ObjectsFolder(data), "processed")
	orgs, _ := os.ReadDir(root)
	for _, org := range orgs {
		all, _ := os.ReadDir(filepath.Join(root, org.Name()))
		for _, job := range all {
			if info, err := job.Info(); err == nil && time.Since(info.ModTime()) > age {
				_ = os.RemoveAll(filepath.Join(root, org.Name(), job.Name()))
			}
		}
	}
}

func measure(t *testing.T, p *proctest.Process, data string) (l level) {
	t.Helper()
	file := filepath.Join(data, "jobs.sqlite")
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(file))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRow("SELECT count(*), count(*) FILTER (WHERE state IN ('awaiting_upload', 'accepted', 'processing')) FROM fhirdock_jobs").Scan(&l.records, &l.unfinished))
	objects := backends.ObjectsFolder(data)
	_ = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		l.files++
		l.disk += info.Sys().(*syscall.Stat_t).Blocks * 512
		switch {
		case strings.HasPrefix(path, file):
			l.database += info.Size()
		case d.Type().IsRegular() && strings.HasPrefix(path, objects+"/") && !strings.HasPrefix(path, objects+"/processed/") && !strings.HasPrefix(d.Name(), "."):
			l.bytes += info.Size()
		}
		return nil
	})
	l.memory = memory(t, p)
	return l
}

// flat fails if the late measurements are more than a third above the early ones.
func flat(t *testing.T, what string, early, late []level, slack int64, of func(level) int64) {
	t.Helper()
	mean := func(all []level) (n int64) {
		for _, l := range all {
			n += of(l)
		}
		return n / int64(len(all))
	}
	require.LessOrEqual(t, mean(late), mean(early)*4/3+slack, "%s grow", what)
}

// left returns the objects that are not output.
func left(t *testing.T, data string) (found []string) {
	t.Helper()
	root := backends.ObjectsFolder(data)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(path, root+"/processed/") {
			found = append(found, strings.TrimPrefix(path, root))
		}
		return err
	}))
	return found[:min(10, len(found))]
}
