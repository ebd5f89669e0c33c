package sqljobs

import (
	"fmt"
	"strconv"
	"strings"
)

// line is text without a line feed, such as a record of JSON. A column of lines is sent
// unquoted, because quoting would have to look at each byte.
type line string

// arrays encodes the arguments of a group of calls; see arraysOf.
func arrays[R any](group []*call[row, R]) []any {
	rows := make([]row, len(group))
	for i, w := range group {
		rows[i] = w.arg
	}
	return arraysOf(rows)
}

// arraysOf encodes each column as a PostgreSQL array, or as lines.
func arraysOf(rows []row) []any {
	args := make([]any, len(rows[0]))
	for column := range args {
		var b strings.Builder
		if first, ok := rows[0][column].(line); ok {
			b.Grow(len(rows) * (len(first) + len(first)/8))
			writeLines(&b, rows, column)
		} else {
			b.Grow(len(rows) * 40)
			writeArray(&b, rows, column)
		}
		args[column] = b.String()
	}
	return args
}

func writeLines(b *strings.Builder, rows []row, column int) {
	for i, r := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(r[column].(line)))
	}
}

func writeArray(b *strings.Builder, rows []row, column int) {
	b.WriteByte('{')
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := r[column].(type) {
		case nil:
			b.WriteString("NULL")
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case string:
			b.WriteByte('"')
			_, _ = quote.WriteString(b, v)
			b.WriteByte('"')
		default:
			panic(fmt.Sprintf("sqljobs: a column of %T", v))
		}
	}
	b.WriteByte('}')
}

var quote = strings.NewReplacer(`"`, `\"`, `\`, `\\`)
