package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test binary runs itself where the program would.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		misbehave(os.Args[2:])
		os.Exit(child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func tiny() config {
	return config{entries: 60, rounds: 1, least: time.Microsecond, stream: 2e6, hostile: 1000, patience: 5 * time.Second}
}

// TestCompare runs everything, too short for figures that mean anything.
func TestCompare(t *testing.T) {
	var out bytes.Buffer
	c := tiny()
	c.corpus = findCorpus()
	require.NoError(t, compare(context.Background(), c, &out, &progress{}))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	assert.Regexp(t, regexp.MustCompile(`^met \d+ of 16 goals$`), lines[len(lines)-1])
	for _, line := range lines {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 100, line)
	}
	assert.NotContains(t, out.String(), "NaN")
	assert.NotContains(t, out.String(), "Inf")
	if c.corpus == "" {
		assert.Contains(t, out.String(), "The corpus is not there")
		assert.Regexp(t, `JSONTestSuite.*not measured`, out.String())
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	assert.Equal(t, 130, run(ctx, []string{"-quick"}, &out, &errs))
	assert.NotContains(t, out.String(), "goals")
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-fast"}, {"a"}, {"-corpus", t.TempDir()}} {
		var out, errs bytes.Buffer
		assert.Equal(t, 2, run(context.Background(), args, &out, &errs), args)
		assert.Empty(t, out.String())
		assert.NotEmpty(t, errs.String())
	}
	var out, errs bytes.Buffer
	assert.Equal(t, 0, run(context.Background(), []string{"-help"}, &out, &errs))
	assert.Contains(t, errs.String(), "-quick")
}
