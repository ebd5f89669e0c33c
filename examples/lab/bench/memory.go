package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// memoryReport is what a child says of its memory.
type memoryReport struct {
	Peak    int64  // bytes
	Source  string // of Peak
	Read    int64  // bytes
	Largest int64  // entry, in bytes
}

// memory is what two children need for the same stream.
type memory struct{ ours, loop memoryReport }

// measureMemory reads a Bundle of that size twice, each time in a process of its
// own: with fhirbundle, and with a loop that reads and does nothing.
func measureMemory(ctx context.Context, size int64, p *progress) (*memory, error) {
	var m memory
	for _, by := range []struct {
		how string
		to  *memoryReport
	}{{"loop", &m.loop}, {"bundle", &m.ours}} {
		p.say("reading a Bundle of %d MB for its peak of memory: %s", size/1e6, by.how)
		cmd, err := spawn(ctx, "memory", by.how, fmt.Sprint(size))
		if err != nil {
			return nil, err
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("the child that measures memory: %w", err)
		}
		if err := json.Unmarshal(out, by.to); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// allowed is the most that fhirbundle may need.
func (m *memory) allowed() int64 { return m.loop.Peak + 4<<20 + 2*m.ours.Largest }

func memoryChild(how string, size int64, out io.Writer) error {
	var rep memoryReport
	src := newEndless(size)
	forget()
	switch how {
	case "bundle":
		r, err := fhirbundle.NewReader(src, &fhirbundle.Options{Level: fhirbundle.LevelBasic})
		if err != nil {
			return err
		}
		for {
			e, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			rep.Largest = max(rep.Largest, e.Size)
		}
		report := r.Report()
		if err := report.Err(); err != nil {
			return err
		}
		rep.Read = report.Bytes
	case "loop":
		buf := make([]byte, 256<<10)
		for {
			n, err := src.Read(buf)
			rep.Read += int64(n)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
	default:
		return errors.New("unknown way to read")
	}
	rep.Peak, rep.Source = peak()
	return json.NewEncoder(out).Encode(rep)
}

// forget gives back what the start of the program took and left, which is much
// with all the peers in it, and lets the kernel begin its count anew. Otherwise
// what is measured could hide below that peak.
func forget() {
	debug.FreeOSMemory()
	// Where this is not Linux, the peak is that of the whole process.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peak is the most memory that this process had: what the kernel says, or what
// the runtime took from the system where it does not say.
func peak() (int64, string) {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range bytes.Lines(status) {
			var kB int64
			if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kB); n == 1 {
				return kB << 10, "VmHWM"
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys), "runtime"
}

// newEndless is a transaction of about that size whose type comes last. It is
// made while it is read.
func newEndless(size int64) io.Reader {
	return bufio.NewReaderSize(io.MultiReader(
		strings.NewReader(`{"resourceType":"Bundle","entry":[`),
		&entries{left: size},
		strings.NewReader(`],"type":"transaction"}`),
	), 4096)
}
