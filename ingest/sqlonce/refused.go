package sqlonce

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/fhirdock/fhirdock/internal/sqldialect"
)

// Codes of resources that the database refused.
const (
	// CodeValue: a data exception, such as an invalid date or a text that is too long.
	CodeValue = "database-value"
	// CodeConstraint: an integrity constraint violation.
	CodeConstraint = "database-constraint"
	// CodeRefused: an error for which [Options.Refused] returned true.
	CodeRefused = "database-refused"
)

// why returns the rejection of a resource after an error; nil if the resource did not
// cause the error. It contains nothing of the error's text.
func (k *Keys) why(err error) *Rejection {
	if r, ok := errors.AsType[*Rejection](err); ok {
		return r
	}
	if k.refused != nil && k.refused(err) {
		return &Rejection{CodeRefused, "The database refused this resource"}
	}
	switch k.dialect {
	case sqldialect.SQLite:
		if e, ok := errors.AsType[interface {
			error
			Code() int
		}](err); ok {
			return ofSQLite(e.Code())
		}
	case sqldialect.MySQL:
		if number, state, ok := mysqlError(err); ok {
			return ofMySQL(number, state)
		}
	}
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return ofClass(e.SQLState(), "")
	}
	return nil
}

var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// ofClass maps the class of a SQLSTATE, its first two characters, to a rejection.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func ofClass(state, more string) *Rejection {
	if !sqlState.MatchString(state) {
		return nil
	}
	switch state[:2] {
	case "22":
		return &Rejection{CodeValue, fmt.Sprintf("The database refused a value of this resource (SQLSTATE %s%s)", state, more)}
	case "23":
		return &Rejection{CodeConstraint, fmt.Sprintf("This resource violates a constraint of the database (SQLSTATE %s%s)", state, more)}
	}
	return nil
}

// ofSQLite maps a result code to a rejection. Its last eight bits are the primary code.
// https://www.sqlite.org/rescode.html
func ofSQLite(code int) *Rejection {
	const (
		tooBig     = 18
		constraint = 19
		mismatch   = 20
	)
	switch code & 0xff {
	case constraint:
		return &Rejection{CodeConstraint, fmt.Sprintf("This resource violates a constraint of the database (SQLite code %d)", code)}
	case tooBig, mismatch:
		return &Rejection{CodeValue, fmt.Sprintf("The database refused a value of this resource (SQLite code %d)", code)}
	}
	return nil
}

// Errors of MySQL and MariaDB whose SQLSTATE has the wrong class.
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
// https://mariadb.com/kb/en/mariadb-error-code-reference/
var (
	// An ambiguous column, which is an error of the statement, not of the data.
	mysqlStatement = map[uint16]bool{1052: true}
	// Data exceptions without class 22: a value that is not in an ENUM, has the wrong
	// type, or is not accepted by a function.
	mysqlValue = map[uint16]bool{1265: true, 1366: true, 1411: true}
	// Constraint violations without class 23: a CHECK of MySQL.
	mysqlConstraint = map[uint16]bool{3819: true}
)

func ofMySQL(number uint16, state string) *Rejection {
	more := fmt.Sprintf(", error %d", number)
	switch {
	case mysqlStatement[number]:
		return nil
	case mysqlValue[number]:
		return &Rejection{CodeValue, fmt.Sprintf("The database refused a value of this resource (SQLSTATE %s%s)", state, more)}
	case mysqlConstraint[number]:
		return &Rejection{CodeConstraint, fmt.Sprintf("This resource violates a constraint of the database (SQLSTATE %s%s)", state, more)}
	}
	return ofClass(state, more)
}

// mysqlError finds an error with the fields of go-sql-driver's MySQLError, which has no
// method SQLState.
func mysqlError(err error) (number uint16, state string, ok bool) {
	if err == nil {
		return 0, "", false
	}
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		n, s := v.FieldByName("Number"), v.FieldByName("SQLState")
		if n.IsValid() && s.IsValid() && n.Kind() == reflect.Uint16 && s.Type() == reflect.TypeFor[[5]byte]() {
			b := s.Interface().([5]byte)
			if b == ([5]byte{}) { // the server sent none
				b = [5]byte([]byte("HY000"))
			}
			return uint16(n.Uint()), string(b[:]), sqlState.Match(b[:])
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return mysqlError(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if number, state, ok := mysqlError(inner); ok {
				return number, state, true
			}
		}
	}
	return 0, "", false
}
