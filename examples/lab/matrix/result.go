//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// result is the result of a pairing.
type result struct {
	pairing
	// missing is why it was skipped: a server is missing.
	missing error
	// checked has an error or nil for each check that ran.
	checked []error
	took    time.Duration
}

// try runs the scenario on a pairing.
func (c *config) try(ctx context.Context, p pairing, folder string, out io.Writer) *result {
	began := time.Now()
	res := &result{pairing: p}
	r := &rig{pairing: p, config: c, folder: folder, log: func(string, ...any) {}}
	if c.verbose {
		r.log = func(format string, args ...any) {
			fmt.Fprintf(out, "%6s  %s: %s\n", time.Since(began).Round(time.Millisecond), p.name(), fmt.Sprintf(format, args...))
		}
	}
	err := r.start(ctx)
	if err == nil {
		s := &scenario{rig: r}
		for _, check := range checks {
			r.log("%s", check.name)
			err := check.try(ctx, s)
			if err != nil {
				r.log("%s: %v", check.name, err)
			}
			res.checked = append(res.checked, err)
		}
	}
	stopped := r.stop()
	if stopped != nil {
		r.log("stop: %v", stopped)
	}
	missing := errors.Is(err, localserver.ErrMissing) || errors.Is(err, servers.ErrNone)
	switch {
	case missing && os.Getenv("FHIRDOCK_TEST_ALL") != "1":
		res.missing = err
	case err != nil: // no check could run
		for range checks {
			res.checked = append(res.checked, err)
		}
	case stopped != nil:
		res.checked[len(checks)-1] = errors.Join(res.checked[len(checks)-1], stopped)
	}
	res.took = time.Since(began)
	if c.verbose && res.failed() {
		for _, role := range []string{"all", "api", "worker"} {
			if said, err := os.ReadFile(filepath.Join(folder, role+".log")); err == nil {
				r.log("log of %s:\n%s", role, tail(said))
			}
		}
	}
	return res
}

func (r *result) failed() bool {
	return slices.ContainsFunc(r.checked, func(err error) bool {
		_, not := errors.AsType[none](err)
		return err != nil && !not
	})
}

// tallied holds all results.
type tallied struct {
	results        []*result
	passed, failed int
}

func tally(results []*result) *tallied {
	t := &tallied{results: results}
	for _, r := range results {
		for _, err := range r.checked {
			if _, not := errors.AsType[none](err); not {
				continue
			}
			if err == nil {
				t.passed++
			} else {
				t.failed++
			}
		}
	}
	return t
}

// print prints the table, its legend and the last line.
func (t *tallied) print(out io.Writer, took time.Duration) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\tobject store\tqueue\tjob store")
	for _, c := range checks {
		fmt.Fprint(w, "\t", c.name)
	}
	fmt.Fprintln(w)
	var said, emulators []string
	emulated := map[string][]string{} // parts by their emulator
	for _, r := range t.results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s", r.title, r.objects, r.queue, r.job)
		if r.missing != nil {
			said = append(said, fmt.Sprintf("not tried: %s: %v", r.name(), r.missing))
			fmt.Fprintln(w, "\tnot tried")
			continue
		}
		for i, err := range r.checked {
			_, not := errors.AsType[none](err)
			switch {
			case not:
				fmt.Fprint(w, "\t-")
			case err == nil:
				fmt.Fprint(w, "\tok")
			default:
				fmt.Fprint(w, "\tFAILED")
				said = append(said, fmt.Sprintf("%s: %s: %v", r.name(), checks[i].name, err))
			}
		}
		fmt.Fprintln(w)
		for _, p := range []part{r.objects, r.queue, r.job} {
			if p.emulator == "" || slices.Contains(emulated[p.emulator], p.name) {
				continue
			}
			if emulated[p.emulator] == nil {
				emulators = append(emulators, p.emulator)
			}
			emulated[p.emulator] = append(emulated[p.emulator], p.name)
		}
	}
	w.Flush()
	fmt.Fprintln(out, "- not applicable: memory is lost with its process, and no upload bypasses it")
	fmt.Fprintln(out, "S3 is versitygw; that, RabbitMQ, NATS and PostgreSQL are real servers")
	for _, e := range emulators {
		fmt.Fprintf(out, "* %s: %s\n", strings.Join(emulated[e], ", "), e)
	}
	for _, line := range said {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "%d pairings in %s\n", len(t.results), took.Round(100*time.Millisecond))
	fmt.Fprintf(out, "%d passed, %d failed\n", t.passed, t.failed)
}
