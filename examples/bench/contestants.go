package main

import (
	"runtime"
	"time"

	"github.com/bytedance/sonic"
	gojson "github.com/goccy/go-json"
	"github.com/minio/simdjson-go"
	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// contestant is one way of reading.
type contestant struct {
	name string
	// run reads the data that many times and says how long it took, and how many
	// payloads or documents it refused when it read them last.
	run func(d *dataset, times int) (took time.Duration, refused int, err error)
	// bundle says whether it takes a Bundle; nil where it judges nothing.
	bundle func(doc []byte) bool
	// value says whether it takes any JSON value; nil where it takes Bundles only.
	value func(doc []byte) bool
	// absent is why it can't be run here.
	absent string
}

// Names of the contestants that goals are about.
const (
	baseline   = "encoding/json into map[string]any"
	ours       = "fhirbundle, level basic"
	oursStrict = "fhirbundle, level strict"
	oursStream = "fhirbundle, basic, io.Reader"
	oursBoth   = "fhirbundle, strict, io.Reader"
	oursScan   = "fhirbundle, CheckJSON"
	theText    = "jsontext ReadValue"
	theSonic   = "sonic Valid"
	theGoogle  = "google/fhir jsonformat"
	theHash    = "SHA-256"
	theLoop    = "bare read loop"
	thePython  = "Python json loads and dumps"
	pythonLoad = "Python json loads"
)

// modules are where the peers come from, for their versions.
var modules = map[string]string{
	theText:               "github.com/go-json-experiment/json",
	theSonic:              "github.com/bytedance/sonic",
	theGoogle:             "github.com/google/fhir/go",
	"goccy/go-json Valid": "github.com/goccy/go-json",
	"gjson Valid":         "github.com/tidwall/gjson",
	"fastjson Validate":   "github.com/valyala/fastjson",
	"simdjson-go Parse":   "github.com/minio/simdjson-go",
	"jsonparser walk":     "github.com/buger/jsonparser",
}

// contestants are all, the baseline first. py is nil where Python is missing,
// and missing is the reason.
func contestants(py *python, missing string) []*contestant {
	simd := newSIMD()
	text := newText()
	g := newGoogle()
	all := []*contestant{
		{name: baseline, run: each(intoMap), bundle: intoMap, value: intoAny},
		{name: ours, run: timed(readMemory(fhirbundle.Basic)), bundle: acceptBundle(fhirbundle.Basic), value: checkJSON},
		{name: oursStrict, run: timed(readMemory(fhirbundle.Strict)), bundle: acceptBundle(fhirbundle.Strict), value: checkJSON},
		{name: oursStream, run: timed(readStream(fhirbundle.Basic))},
		{name: oursBoth, run: timed(readStream(fhirbundle.Strict))},
		{name: oursScan, run: each(checkJSON)},
		{name: theText, run: timed(text.read), bundle: text.accepts, value: text.accepts},
		{name: theSonic, run: each(sonic.Valid), bundle: sonic.Valid, value: sonic.Valid},
		{name: "goccy/go-json Valid", run: each(gojson.Valid), bundle: gojson.Valid, value: gojson.Valid},
		{name: "gjson Valid", run: each(gjson.ValidBytes), bundle: gjson.ValidBytes, value: gjson.ValidBytes},
		{name: "fastjson Validate", run: each(fastValid), bundle: fastValid, value: fastValid},
		{name: "simdjson-go Parse", run: timed(simd.read), bundle: simd.accepts, value: simd.accepts},
		{name: "jsonparser walk", run: each(walk), bundle: walk, value: walk},
		{name: "encoding/json Valid", run: each(stdValid), bundle: stdValid, value: stdValid},
		{name: theGoogle, run: each(g.accepts), bundle: g.accepts},
		{name: pythonLoad, absent: missing},
		{name: thePython, absent: missing},
		{name: theHash, run: timed(hash)},
		{name: theLoop, run: timed(newLoop().read)},
	}
	for _, c := range all {
		switch c.name {
		case theSonic:
			if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
				c.absent = "it has no code of its own for " + runtime.GOARCH
			}
		case "simdjson-go Parse":
			if !simdjson.SupportedCPU() {
				c.absent = "this CPU lacks AVX2 and CLMUL"
			}
		case pythonLoad, thePython:
			if py != nil {
				dumps := c.name == thePython
				c.run = func(d *dataset, times int) (time.Duration, int, error) { return py.read(d, times, dumps) }
				c.bundle, c.value = py.accepts, py.accepts
			}
		}
	}
	return all
}

// label is the contestant's name with its version.
func (c *contestant) label() string {
	if v := versionOf(modules[c.name]); v != "" {
		return c.name + " " + v
	}
	return c.name
}

// named is the contestant of that name, or nil.
func named(all []*contestant, name string) *contestant {
	for _, c := range all {
		if c.name == name {
			return c
		}
	}
	return nil
}

func fastValid(doc []byte) bool { return fastjson.ValidateBytes(doc) == nil }

// timed makes a contestant's run of a function in this process.
func timed(read func(*dataset) int) func(*dataset, int) (time.Duration, int, error) {
	return func(d *dataset, times int) (time.Duration, int, error) {
		runtime.GC() // what others left is not collected in this one's time
		refused := 0
		start := time.Now()
		for range times {
			refused = read(d)
		}
		return time.Since(start), refused, nil
	}
}

// each is timed for what reads document by document.
func each(accepts func([]byte) bool) func(*dataset, int) (time.Duration, int, error) {
	return timed(func(d *dataset) (refused int) {
		for _, doc := range d.docs {
			if !accepts(doc) {
				refused++
			}
		}
		return refused
	})
}
