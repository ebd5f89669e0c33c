package sqljobs

import (
	"fmt"
	"strconv"
	"strings"
)

// line is text without a line feed, such as a record of JSON. A column of lines is
// sent as it is, where quoting would have to look at each byte.
type line string

// arrays writes each column of a group as PostgreSQL writes an array, or as lines.
func arrays[R any](group []*call[row, R]) []any {
	args := make([]any, len(group[0].arg))
	for column := range args {
		var b strings.Builder
		if first, ok := group[0].arg[column].(line); ok {
			b.Grow(len(group) * (len(first) + len(first)/8))
			writeLines(&b, group, column)
		} else {
			b.Grow(len(group) * 40)
			writeArray(&b, group, column)
		}
		args[column] = b.String()
	}
	return args
}

func writeLines[R any](b *strings.Builder, group []*call[row, R], column int) {
	for i, w := range group {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(w.arg[column].(line)))
	}
}

func writeArray[R any](b *strings.Builder, group []*call[row, R], column int) {
	b.WriteByte('{')
	for i, w := range group {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := w.arg[column].(type) {
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
