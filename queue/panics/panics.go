// Package panics describes recovered panics for the log, without values that were being
// worked on. Packages queue and ingest use it.
package panics

import (
	"fmt"
	"runtime"
	"strings"
)

// Stack returns the functions and lines of the goroutine that panicked, from where it
// panicked on. It must be called by the deferred function that recovered, or by what
// that calls. Arguments of the calls are left out: what runtime/debug prints has them,
// and they can hold values of a payload.
func Stack() string {
	pcs := make([]uintptr, 96)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var b strings.Builder
	for recovering := true; ; {
		f, more := frames.Next()
		switch {
		case !recovering:
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		case f.Function == "runtime.gopanic":
			recovering = false
		}
		if !more {
			return b.String()
		}
	}
}
