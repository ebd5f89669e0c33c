package fhirbundle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConditions(t *testing.T) {
	for request, want := range map[string]Conditions{
		`{"method":"POST","url":"Patient"}`:                                                                    {},
		`{"method":"POST","url":"Patient","ifNoneExist":"identifier=a|b"}`:                                     {IfNoneExist: "identifier=a|b"},
		`{"ifMatch":"W/\"3\"","method":"PUT","url":"Patient/1"}`:                                               {IfMatch: `W/"3"`},
		`{"method":"PUT","url":"Patient/1","\u0069fMatch":"W/\"3\""}`:                                          {IfMatch: `W/"3"`},
		`{"method":"GET","ifNoneMatch": "W/\"4\"" , "ifModifiedSince":"2030-01-02T03:04:05Z","url":"Patient"}`: {IfNoneMatch: `W/"4"`, IfModifiedSince: "2030-01-02T03:04:05Z"},
		`{"method":"POST","url":"Patient","ifNoneExist":7}`:                                                    {},
		`{"method":"POST","url":"Patient","extension":[{"ifMatch":"x"}]}`:                                      {},
		`"POST"`: {},
	} {
		r, err := NewBytesReader([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"request":`+request+`}]}`), nil)
		require.NoError(t, err)
		e, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, want, e.Conditions(), request)
	}
	require.Zero(t, (&Entry{}).Conditions())
}

func TestConditionsOfMostRequestsCostNoAllocation(t *testing.T) {
	e := &Entry{Request: []byte(`{"method":"POST","url":"Patient"}`)}
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = e.Conditions() }))
}
