// Package panics describes recovered panics for logs, without any values. Packages queue and
// ingest use it.
package panics

import (
	"fmt"
	"runtime"
	"strings"
)

// Stack returns the functions and lines of the goroutine that panicked, starting where it
// panicked. Call it in the deferred function that recovered, or in a function called by it.
// Unlike runtime/debug, it omits arguments, which may contain values of a payload.
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
