package main

import (
	"runtime"
	"strings"
	"time"

	"github.com/bytedance/sonic"
	gojson "github.com/goccy/go-json"
	"github.com/minio/simdjson-go"
	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/fhirdock/fhirdock/examples/lab/bench/internal/reading"
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
	// spawn prepares a program that judges Bundles in its place, see ask; nil where
	// that is this program.
	spawn starter
	// version is what it says of itself, if it is not of modules.
	version string
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
	"goccy/go-json Valid": "github.com/goccy/go-json",
	"gjson Valid":         "github.com/tidwall/gjson",
	"fastjson Validate":   "github.com/valyala/fastjson",
	"simdjson-go Parse":   "github.com/minio/simdjson-go",
	"jsonparser walk":     "github.com/buger/jsonparser",
}

// contestants are all, the baseline first. What one of them keeps alive between
// its runs makes garbage collection rarer for all others in this process: who keeps
// more than a few MB belongs in a process of its own.
func contestants(others *apart) []*contestant {
	simd := newSIMD()
	text := newText()
	all := []*contestant{
		{name: baseline, run: each(intoMap), bundle: intoMap, value: intoAny},
		{name: ours, run: timed(readMemory(fhirbundle.LevelBasic)), bundle: acceptBundle(fhirbundle.LevelBasic), value: checkJSON},
		{name: oursStrict, run: timed(readMemory(fhirbundle.LevelStrict)), bundle: acceptBundle(fhirbundle.LevelStrict), value: checkJSON},
		{name: oursStream, run: timed(readStream(fhirbundle.LevelBasic))},
		{name: oursBoth, run: timed(readStream(fhirbundle.LevelStrict))},
		{name: oursScan, run: each(checkJSON)},
		{name: theText, run: timed(text.read), bundle: text.accepts, value: text.accepts},
		{name: theSonic, run: each(sonic.Valid), bundle: sonic.Valid, value: sonic.Valid},
		{name: "goccy/go-json Valid", run: each(gojson.Valid), bundle: gojson.Valid, value: gojson.Valid},
		{name: "gjson Valid", run: each(gjson.ValidBytes), bundle: gjson.ValidBytes, value: gjson.ValidBytes},
		{name: "fastjson Validate", run: each(fastValid), bundle: fastValid, value: fastValid},
		{name: "simdjson-go Parse", run: timed(simd.read), bundle: simd.accepts, value: simd.accepts},
		{name: "jsonparser walk", run: each(walk), bundle: walk, value: walk},
		{name: "encoding/json Valid", run: each(stdValid), bundle: stdValid, value: stdValid},
		{name: theGoogle, absent: others.noGoogle},
		{name: pythonLoad, absent: others.noPython},
		{name: thePython, absent: others.noPython},
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
			if py := others.python; py != nil {
				how := "loads"
				if c.name == thePython {
					how = "dumps"
				}
				c.run, c.version = py.reads(how), py.version
				c.bundle, c.value = pythonAccepts(py), pythonAccepts(py)
			}
		case theGoogle:
			if g := others.google; g != nil {
				c.run, c.version, c.spawn = g.reads(""), g.version, g.spawn
			}
		}
	}
	return all
}

// label is the contestant's name with its version.
func (c *contestant) label() string {
	v := c.version
	if v == "" {
		v = versionOf(modules[c.name])
	}
	return strings.TrimSpace(c.name + " " + v)
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
		took, refused := reading.Time(times, func() int { return read(d) })
		return took, refused, nil
	}
}

// each is timed for what reads document by document.
func each(accepts func([]byte) bool) func(*dataset, int) (time.Duration, int, error) {
	return timed(func(d *dataset) int { return reading.Refused(d.docs, accepts) })
}
