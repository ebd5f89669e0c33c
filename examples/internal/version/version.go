// Package version prints the version of a program.
package version

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Asked reports whether args end with -version or --version. Only the last argument
// counts, because fhircheck's -version R5 chooses a version of FHIR.
func Asked(args []string) bool {
	if len(args) == 0 {
		return false
	}
	last := args[len(args)-1]
	return last == "-version" || last == "--version"
}

// Write prints a line with the program's version, its commit if the build knows it, and
// Go's version and platform.
func Write(w io.Writer, program string) error {
	info, _ := debug.ReadBuildInfo()
	_, err := fmt.Fprintf(w, "%s %s (%s %s/%s)\n", program, of(info), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// of returns the main module's version. A build from a checkout has a pseudo-version with
// the commit or, without version control, "(devel)".
func of(info *debug.BuildInfo) string {
	if info == nil || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
