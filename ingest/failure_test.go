package ingest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPermanent(t *testing.T) {
	require.NoError(t, Permanent(nil))
	plain := errors.New("broken")
	require.ErrorIs(t, Permanent(plain), plain)
	require.Equal(t, "The payload could not be processed: broken", Permanent(plain).Error())

	inner := &Failure{Code: "x", Message: "m", Err: errors.New("inner")}
	err := Permanent(fmt.Errorf("table orders, row 7: %w", inner))
	require.Equal(t, "table orders, row 7: m: inner", err.Error())
	var f *Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, "x", f.Code)
	require.Equal(t, "m", f.Message)
	require.True(t, f.Permanent)
	require.ErrorIs(t, err, inner)
	require.False(t, inner.Permanent, "the caller's Failure is unchanged")

	require.Equal(t, "m: inner", Permanent(inner).Error())
	require.Equal(t, "m", Permanent(&Failure{Code: "x", Message: "m"}).Error())
}

func TestWaitAsAnError(t *testing.T) {
	require.NoError(t, Wait(time.Hour, nil))
	plain := errors.New("busy")
	require.ErrorIs(t, Wait(time.Hour, plain), plain)
	require.Equal(t, "wait for 1h0m0s: busy", Wait(time.Hour, plain).Error())
	for _, c := range []struct {
		err  error
		code string
		wait time.Duration
	}{
		{plain, "handler", 0},
		{Wait(time.Hour, plain), "waiting", time.Hour},
		{fmt.Errorf("batch 7: %w", Wait(time.Hour, plain)), "waiting", time.Hour},
		{Wait(0, plain), "waiting", time.Second},
		{Wait(-time.Hour, plain), "waiting", time.Second},
		{Wait(time.Hour, &Failure{Code: "busy", Message: "Busy"}), "busy", time.Hour},
		{Permanent(Wait(time.Hour, plain)), "handler", 0},
		{Wait(time.Hour, Permanent(plain)), "handler", 0},
	} {
		f := handlerFailure(c.err)
		require.Equal(t, c.code, f.Code, c.err)
		require.Equal(t, c.wait, f.wait, c.err)
		require.NotEmpty(t, f.Message)
	}
}
