package main

import (
	"context"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/lab/bench/internal/reading"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// misbehave is a child that answers one document, and then does not answer the
// next one.
func misbehave(args []string) {
	if len(args) < 2 || args[0] != "accepts" {
		return
	}
	switch args[1] {
	case "crasher":
		_, _ = os.Stdout.WriteString("!t")
		os.Exit(2)
	case "hanger":
		_, _ = os.Stdout.WriteString("!t")
		time.Sleep(time.Hour)
	case "quitter":
		os.Exit(reading.Unable)
	}
}

// One that crashes or hangs is asked about the other documents all the same.
func TestAskTheUnruly(t *testing.T) {
	docs := [][]byte{[]byte("1"), []byte("2"), []byte("3")}
	for who, what := range map[string]answer{"crasher": crashes, "hanger": tooSlow} {
		got, err := ask(context.Background(), spawn, who, asBundle, docs, time.Second/2)
		require.NoError(t, err, who)
		assert.Equal(t, []answer{takes, what, takes}, got, who)
	}
}

// A child that could not do its work must not pass for a refusal or a crash.
func TestAskTheUnable(t *testing.T) {
	for _, who := range []string{"quitter", "nobody", theHash} {
		_, err := ask(context.Background(), spawn, who, asBundle, [][]byte{soundDoc()}, time.Minute)
		assert.Error(t, err, who)
	}
	_, err := ask(context.Background(), spawn, theGoogle, asValue, [][]byte{soundDoc()}, time.Minute)
	assert.ErrorContains(t, err, "does not judge")
}

// Each probe is sound but for one thing: fhirbundle refuses it, and encoding/json,
// which knows of two of them only, takes the others.
func TestProbeDocs(t *testing.T) {
	names, docs := probeDocs()
	assert.True(t, acceptBundle(fhirbundle.LevelStrict)(soundDoc()))
	codes := map[string]string{"UTF-8": "json-utf8", "name twice": "json-dup", "surrogate": "json-surrogate",
		"tail": "json-syntax", "deep": "json-depth"}
	for i, name := range names {
		var invalid *fhirbundle.InvalidError
		require.ErrorAs(t, fhirbundle.CheckJSON(docs[i], nil), &invalid, name)
		assert.Equal(t, codes[name], invalid.First.Code, name)
		assert.Equal(t, name != "tail" && name != "deep", stdValid(docs[i]), name)
	}
}

// All contestants take all the data, as far as they read it at all.
func TestAllReadAll(t *testing.T) {
	c := tiny()
	sets, err := datasets(c)
	require.NoError(t, err)
	require.Len(t, sets, 4)
	others, err := startApart(context.Background(), sets, &progress{})
	require.NoError(t, err)
	defer others.stop()
	for _, who := range contestants(others) {
		if who.absent != "" {
			t.Logf("%s: %s", who.name, who.absent)
			continue
		}
		for _, d := range sets {
			took, refused, err := who.run(d, 1)
			require.NoError(t, err, who.name)
			assert.Positive(t, took, who.name)
			assert.Zero(t, refused, "%s on %s", who.name, d.name)
		}
	}
	for _, p := range sets[3].payloads {
		assert.InDelta(t, 1600, len(p), 200)
	}
}

// They notice when one document of several is cut.
func TestAllNoticeCuts(t *testing.T) {
	sets, err := datasets(tiny())
	require.NoError(t, err)
	for _, d := range sets {
		d.docs = slices.Clone(d.docs)
		if last := len(d.docs) - 1; d.name == ndjson {
			p := d.payloads[0]
			d.payloads = [][]byte{p[:len(p)-9]}
			d.docs[last] = d.docs[last][:len(d.docs[last])-9]
		} else {
			d.docs[last] = d.docs[last][:len(d.docs[last])-9]
			d.payloads = d.docs
		}
	}
	others, err := startApart(context.Background(), sets, &progress{})
	require.NoError(t, err)
	defer others.stop()
	for _, who := range contestants(others) {
		if who.absent != "" || who.name == theHash || who.name == theLoop {
			continue
		}
		for _, d := range sets {
			_, refused, err := who.run(d, 1)
			require.NoError(t, err, who.name)
			assert.Equal(t, 1, refused, "%s on %s", who.name, d.name)
		}
	}
}

// Who needs a program that is not there is absent, and that is no error.
func TestNoPrograms(t *testing.T) {
	t.Setenv("PATH", "")
	others, err := startApart(context.Background(), nil, &progress{})
	require.NoError(t, err)
	defer others.stop()
	for _, name := range []string{pythonLoad, thePython, theGoogle} {
		who := named(contestants(others), name)
		assert.Contains(t, who.absent, "on PATH", name)
		assert.Nil(t, who.run, name)
	}
}

// The Bundle for the peak of memory is one, with its type last.
func TestEndless(t *testing.T) {
	data, err := io.ReadAll(newEndless(1_000_000))
	require.NoError(t, err)
	assert.InDelta(t, 1_000_000, len(data), 500_000)
	rep, err := fhirbundle.ValidateBytes(data, &fhirbundle.Options{Level: fhirbundle.LevelStrict})
	require.NoError(t, err)
	require.NoError(t, rep.Err())
	assert.Zero(t, rep.Entries%100)
	assert.Contains(t, string(data[len(data)-30:]), `"type":"transaction"}`)
}

// Every hostile case is read as it must be, whatever its size.
func TestHostileCases(t *testing.T) {
	for _, h := range hostileCases {
		if !h.whole {
			h.n /= 1000
		}
		for _, n := range []int{h.n, h.n / 4} {
			_, wrong := h.read(h.make(n), 0)
			assert.Empty(t, wrong, h.name)
		}
		h.code += "x"
		_, wrong := h.read(h.make(h.n), 0)
		assert.NotEmpty(t, wrong, h.name)
	}
}
