package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCompare runs everything, too briefly for meaningful figures.
func TestCompare(t *testing.T) {
	var out bytes.Buffer
	c := config{postgres: defaultPostgres(), redis: "redis://127.0.0.1:6379", rounds: 1, jobs: 60, workers: 8, conns: 4}
	require.NoError(t, compare(t.Context(), c, &out, &progress{}))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	assert.Regexp(t, regexp.MustCompile(`^met [0-4] of 4 goals$`), lines[len(lines)-1])
	for _, line := range lines {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 100, line)
	}
	assert.NotContains(t, out.String(), "NaN")
	assert.NotContains(t, out.String(), "Inf")
	if strings.Contains(out.String(), "SKIPPED") {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatal(out.String())
		}
		t.Log(out.String())
	}
}

// Missing servers are reported, and their goals are not met.
func TestWithoutServers(t *testing.T) {
	var out bytes.Buffer
	c := config{postgres: "postgres://postgres@127.0.0.1:1/test", redis: "redis://127.0.0.1:1", rounds: 1, jobs: 10, workers: 2, conns: 2}
	require.NoError(t, compare(t.Context(), c, &out, &progress{}))
	assert.Regexp(t, "SKIPPED: asynq.*no Redis server", out.String())
	assert.Regexp(t, "SKIPPED: River on PostgreSQL, tuned.*no PostgreSQL server", out.String())
	assert.Regexp(t, `PostgreSQL against River, tuned +0\.50 +- +not measured`, out.String())
}

// lazy is a contestant that skips one job, or fails.
type lazy struct {
	n   int
	err error
}

func (l *lazy) reset(context.Context) error              { return nil }
func (l *lazy) create(_ context.Context, n, _ int) error { l.n = n; return nil }
func (l *lazy) settle(context.Context) error             { return nil }
func (l *lazy) work(context.Context, int, int) error     { return l.err }
func (l *lazy) completed(context.Context) (int, error)   { return l.n - 1, nil }
func (l *lazy) close() error                             { return nil }

func TestJobsLeftOutAreFound(t *testing.T) {
	_, _, err := turn(t.Context(), &lazy{}, 10, 2)
	require.ErrorContains(t, err, "9 of 10 jobs are completed")
	broken := errors.New("broken")
	_, _, err = turn(t.Context(), &lazy{err: broken}, 10, 2)
	require.ErrorIs(t, err, broken)
}

func TestGoalsAreCounted(t *testing.T) {
	r := &result{rates: map[string]*rates{
		oursSQLite: {cycle: []float64{10, 30, 20}}, riverSQLite: {cycle: []float64{20}},
		oursPostgres: {cycle: []float64{10}}, riverTuned: {cycle: []float64{20, 20, 22}}, riverDefault: {cycle: []float64{2.1}},
	}}
	var out bytes.Buffer
	printGoals(&out, r)
	assert.Regexp(t, `SQLite against River's +1\.00 +1\.00 +met`, out.String())
	assert.Regexp(t, `tuned +0\.50 +0\.50 +met`, out.String())
	assert.Regexp(t, `defaults +5\.00 +4\.76 +NOT MET`, out.String())
	assert.Regexp(t, `in memory, jobs a second +50000 +- +not measured`, out.String())
	assert.Contains(t, out.String(), "\nmet 2 of 4 goals\n")
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	assert.Equal(t, 130, run(ctx, []string{"-quick"}, &out, &errs))
	assert.NotContains(t, out.String(), "goals")
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-fast"}, {"a"}, {"-workers", "-1"}} {
		var out, errs bytes.Buffer
		assert.Equal(t, 2, run(t.Context(), args, &out, &errs), args)
		assert.Empty(t, out.String())
		assert.NotEmpty(t, errs.String())
	}
	var out, errs bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-help"}, &out, &errs))
	assert.Contains(t, errs.String(), "-quick")
}
