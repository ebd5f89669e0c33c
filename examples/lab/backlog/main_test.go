package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// So few jobs give no meaningful figures.
func TestBacklog(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-brokers", "in process,NOTIFY,NATS,RabbitMQ", "-jobs", "40", "-timeout", "1m"}, &out, &errs)
	t.Log(out.String())
	require.Zero(t, code, errs.String())
	if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
		require.NotContains(t, out.String(), "not measured")
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-jobs", "0"}, {"-brokers", "none"}, {"x"}, {"-nope"}} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, &out, &errs), args)
	}
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-version"}, &out, &out))
}
