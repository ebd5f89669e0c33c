//go:build unix

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

var gateway string

func TestMain(m *testing.M) { proctest.MainOf(m, &gateway, "../../gateway") }

// A few rounds of each mode and back end. For the long form run the program:
//
//	for b in sqlite fileblob postgres rabbitmq jetstream notify dynamodb firestore mongodb; do go -C examples run ./lab/chaos -backend $b -mode kill -rounds 500; done
//	go -C examples run ./lab/chaos -backend postgres -mode stop -rounds 200
//	go -C examples run ./lab/chaos -backend sqlite -mode term -rounds 200
//	go -C examples run ./lab/chaos -backend postgres -mode failover -rounds 20
//	for b in postgres notify; do go -C examples run ./lab/chaos -backend $b -mode database -rounds 5; done
//	for b in rabbitmq jetstream; do go -C examples run ./lab/chaos -backend $b -mode lose -rounds 50; done
//	for b in rabbitmq jetstream; do go -C examples run ./lab/chaos -backend $b -mode broker -rounds 3; done
func TestRounds(t *testing.T) {
	for _, test := range []struct{ backend, mode, rounds string }{
		{"sqlite", "kill", "3"}, {"fileblob", "kill", "3"}, {"postgres", "kill", "2"}, {"rabbitmq", "kill", "2"}, {"jetstream", "kill", "2"},
		{"notify", "kill", "2"}, {"dynamodb", "kill", "1"},
		{"sqlite", "term", "3"}, {"postgres", "stop", "1"}, {"rabbitmq", "lose", "1"}, {"jetstream", "lose", "1"},
	} {
		t.Run(test.mode+" "+test.backend, func(t *testing.T) {
			t.Parallel()
			if lend[test.backend] == nil {
				t.Skip("SKIPPED: this build has no drivers of the clouds")
			}
			// Skip without servers; the program uses its own.
			proctest.Lend(t, lend[test.backend])
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"-gateway", gateway, "-backend", test.backend, "-mode", test.mode, "-rounds", test.rounds}, &out, &errs)
			t.Log(out.String())
			require.Empty(t, errs.String())
			require.Zero(t, code)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			require.Equal(t, test.rounds+" rounds, 0 acknowledged jobs lost, 0 lines doubled", lines[len(lines)-1])
		})
	}
}

// Faults that need a separate server or a cable: the modes failover, database and broker.
func TestFaults(t *testing.T) {
	for _, args := range []string{"-backend notify -mode failover -rounds 2", "-backend postgres -mode database -rounds 5 -fault 2s",
		"-backend jetstream -mode broker -rounds 3 -fault 2s", "-backend rabbitmq -mode broker -rounds 3 -fault 2s"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("SKIPPED: it mostly waits")
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), append(strings.Fields(args), "-patience", "5", "-gateway", gateway), &out, &errs)
			if strings.Contains(errs.String(), servers.ErrNone.Error()) && os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
				t.Skip("SKIPPED: " + errs.String())
			}
			t.Log(out.String())
			require.Empty(t, errs.String())
			require.Zero(t, code)
			require.Contains(t, out.String(), " rounds, 0 acknowledged jobs lost, 0 lines doubled")
		})
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-backend kafka": "-backend must be",
		"-mode sleep":    "-mode must be",
		"-mode lose":     "-mode lose needs",
		"-mode broker":   "-mode broker needs",
		"-rounds 0":      "must be more than zero",
		"-lease -1s":     "must be more than zero",
		"-mode failover": "needs -backend postgres or notify",
		"kill":           "use flags only",
		"-loud":          "not defined",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(t.Context(), strings.Fields(args), &out, &errs), args)
		require.Contains(t, errs.String(), want)
	}
}

// A gateway that does not start is an error. Nothing is left except for the folder that
// the error names.
func TestGatewayThatDoesNotStart(t *testing.T) {
	var out, errs bytes.Buffer
	t.Setenv("TMPDIR", t.TempDir())
	require.Equal(t, 1, run(t.Context(), []string{"-gateway", "/bin/false"}, &out, &errs))
	require.Contains(t, errs.String(), "ended unexpectedly")
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Contains(t, errs.String(), left[0].Name())
}
