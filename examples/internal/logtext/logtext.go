// Package logtext makes the programs' logs readable.
package logtext

import "log/slog"

// Errors is a slog.HandlerOptions.ReplaceAttr that logs errors by their text. slog's
// TextHandler prints them with %+v, which for Go CDK's errors adds a stack with functions
// and build paths.
func Errors(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(err.Error())
	}
	return a
}
