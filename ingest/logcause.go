package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/fhirdock/fhirdock/internal/panics"
)

// Loggable marks an error whose text contains nothing of a payload, so that it is logged
// as text even if a handler returns it. Use it for errors of a bucket or a queue, for
// example, but not for those of a database or a server that was sent a resource.
// Loggable(nil) is nil.
func Loggable(err error) error {
	if err == nil {
		return nil
	}
	return &loggable{err}
}

type loggable struct{ error }

func (l *loggable) Unwrap() error { return l.error }

// cause returns the log attributes of a failure besides its code. A back end's error is
// logged as text, and a handler's error according to [Options.LogHandlerErrors].
func (s *Service) cause(f *Failure) []any {
	switch err := f.handler; {
	case err == nil && f.Err == nil:
		return nil
	case err == nil:
		return []any{"error", f.Err}
	case s.opts.LogHandlerErrors:
		return []any{"error", err}
	default:
		return describe(err)
	}
}

// handlerCause is cause for an error of either a handler or a back end.
func (s *Service) handlerCause(err error) []any {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		f = &Failure{Err: err}
	}
	return s.cause(f)
}

// maxChain bounds how many errors of a chain describe looks at.
const maxChain = 32

// describe returns log attributes for an error, without its text.
func describe(err error) (args []any) {
	var text *loggable
	if errors.As(err, &text) {
		return []any{"error", text.error}
	}
	var types []string
	var last string
	var state string
	var sqlite, status int
	todo := []error{err}
	for n := 0; n < maxChain && len(todo) > 0; n++ {
		err, todo = todo[0], todo[1:]
		if err == nil {
			continue
		}
		if name := typeName(err); name != "" {
			types = append(types, name)
		}
		last = fmt.Sprintf("%T", err)
		if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
			continue // its methods may panic
		}
		if state == "" {
			state = sqlState(err)
		}
		if sqlite == 0 {
			sqlite = sqliteCode(err)
		}
		if status == 0 {
			status = httpStatus(err)
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			todo = append(todo, u.Unwrap())
		case interface{ Unwrap() []error }:
			todo = append(todo, u.Unwrap()...)
		}
	}
	if len(types) == 0 {
		types = append(types, last) // better than nothing
	}
	args = append(args, "type", strings.Join(types, ": "))
	if state != "" {
		args = append(args, "sqlstate", state)
	}
	if sqlite != 0 {
		args = append(args, "sqlitecode", sqlite)
	}
	if status != 0 {
		args = append(args, "status", status)
	}
	return args
}

// typeName returns the type of an error; empty if it is only a text or only wraps another
// error in one.
func typeName(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "errors", "fmt":
		if err == context.Canceled {
			return err.Error()
		}
		return ""
	case ownPath:
		return ""
	}
	return fmt.Sprintf("%T", err)
}

var ownPath = reflect.TypeFor[Failure]().PkgPath()

// sqlState returns the SQLSTATE of a database's error; empty if it has none.
func sqlState(err error) string {
	var state string
	if s, ok := err.(interface{ SQLState() string }); ok { // PostgreSQL
		state = s.SQLState()
	} else if f := field(err, "SQLState"); f.IsValid() && f.Type() == reflect.TypeFor[[5]byte]() { // MySQL
		code := f.Interface().([5]byte)
		state = string(code[:])
	}
	if len(state) != 5 || strings.ContainsFunc(state, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') }) {
		return ""
	}
	return state
}

// sqliteCode returns the result code of SQLite's error, extended if the driver knows it; 0
// if it has none. https://www.sqlite.org/rescode.html
func sqliteCode(err error) int {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	// modernc.org/sqlite. Errors of other packages may have another kind of code.
	if c, ok := err.(interface{ Code() int }); ok && strings.Contains(t.PkgPath(), "sqlite") {
		return c.Code()
	}
	// github.com/mattn/go-sqlite3
	if code, extended := field(err, "Code"), field(err, "ExtendedCode"); code.IsValid() && code.CanInt() && extended.IsValid() && extended.CanInt() {
		return int(cmp.Or(extended.Int(), code.Int()))
	}
	return 0
}

// httpStatus returns the HTTP status in an error; 0 if it has none.
func httpStatus(err error) int {
	var status int
	switch s := err.(type) {
	case interface{ StatusCode() int }:
		status = s.StatusCode()
	case interface{ HTTPStatusCode() int }:
		status = s.HTTPStatusCode()
	default:
		for _, name := range []string{"StatusCode", "HTTPStatusCode", "Code"} {
			if f := field(err, name); f.IsValid() && f.CanInt() {
				status = int(f.Int())
				break
			}
		}
	}
	if status < 100 || status > 599 {
		return 0
	}
	return status
}

// field returns an exported field of an error that is a struct or points to one.
func field(err error, name string) reflect.Value {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	f, ok := v.Type().FieldByName(name)
	if !ok || !f.IsExported() || len(f.Index) > 1 { // an embedded pointer may be nil
		return reflect.Value{}
	}
	return v.FieldByIndex(f.Index)
}

// panicked logs a handler's panic and returns it as a Failure.
func (s *Service) panicked(ctx context.Context, value any) error {
	args := []any{"type", fmt.Sprintf("%T", value), "stack", panics.Stack()}
	if s.opts.LogHandlerErrors {
		args = append(args, "panic", fmt.Sprint(value))
	}
	s.opts.Logger.ErrorContext(ctx, "handler panicked", args...)
	return &Failure{Code: "handler-panic", Message: "The payload could not be processed", Err: errors.New("handler panicked")}
}
