package ingest_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A body that comes slowly leaves its wake-up the time that any has: the sweeper does
// not send another at once.
func TestSlowBodyIsWokenOnce(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	src := strings.NewReader(small)
	began := p.Clock.Now()
	receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: readerFunc(func(b []byte) (int, error) {
		n, err := src.Read(b)
		if err == io.EOF {
			p.Clock.Advance(time.Minute)
		}
		return n, err
	})})
	require.NoError(t, err)
	require.Equal(t, began, receipt.Job.CreatedAt)
	require.Equal(t, began.Add(time.Minute+10*time.Second), receipt.Job.DueAt)
	n, err := p.Sweeper.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}
