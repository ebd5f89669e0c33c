// Package columns counts the columns of places in a text of any size.
package columns

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"
)

// bom is the byte order mark, which editors don't show.
const bom = "\xef\xbb\xbf"

// Of returns the column of each offset in its line: 1 plus the number of characters
// before it. Offsets must ascend. If the content ends or fails before an offset, its
// column is 0.
//
// It reads the content up to the last offset, and keeps neither the content nor its lines.
func Of(content io.Reader, offsets []int64) []int64 {
	return of(bufio.NewReaderSize(content, 64<<10), offsets)
}

func of(src *bufio.Reader, offsets []int64) []int64 {
	cols := make([]int64, len(offsets))
	var c column
	if head, _ := src.Peek(len(bom)); string(head) == bom {
		n, _ := src.Discard(len(bom))
		c.offset = int64(n)
	}
	for next := 0; next < len(offsets); {
		data, err := src.Peek(src.Size())
		start := c.offset
		for ; next < len(offsets) && offsets[next] <= c.offset+int64(len(data)); next++ {
			k := max(offsets[next]-c.offset, 0) // less than 0 in a byte order mark
			c.pass(data[:k])
			data = data[k:]
			cols[next] = c.before + 1
		}
		if err != nil {
			break
		}
		c.pass(data[:len(data)-partial(data)])
		_, _ = src.Discard(int(c.offset - start))
	}
	return cols
}

// column is a place, and the number of characters before it in its line.
type column struct {
	offset, before int64
}

// pass advances past data. A byte that is not UTF-8 counts as a character.
func (c *column) pass(data []byte) {
	c.offset += int64(len(data))
	if n := bytes.LastIndexByte(data, '\n'); n >= 0 {
		c.before = 0
		data = data[n+1:]
	}
	c.before += int64(utf8.RuneCount(data))
}

// partial returns how many bytes at the end of data may be the start of a character.
func partial(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		tail := data[len(data)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
