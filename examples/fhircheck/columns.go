package main

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"
)

// columns returns the column of each offset in its line: 1 plus the number of characters
// before it. Offsets must ascend. If the content ends or fails before an offset, its
// column is 0.
//
// Findings may be far apart, and may be found in another order than the content's. So
// columns are counted in a second pass up to the last finding, which keeps neither the
// content nor its lines.
func columns(content io.Reader, offsets []int64) []int64 {
	cols := make([]int64, len(offsets))
	src := bufio.NewReader(content)
	var c column
	next := 0
	if head, _ := src.Peek(len(bom)); string(head) == bom {
		// Editors don't show it.
		for ; next < len(offsets) && offsets[next] < int64(len(bom)); next++ {
			cols[next] = 1
		}
		_, _ = src.Discard(len(bom))
		c.offset = int64(len(bom))
	}
	buf := make([]byte, 64<<10)
	kept := 0 // bytes of an incomplete character
	for next < len(offsets) {
		n, err := src.Read(buf[kept:])
		data := buf[:kept+n]
		for next < len(offsets) && offsets[next] <= c.offset+int64(len(data)) {
			k := int(offsets[next] - c.offset)
			c.pass(data[:k])
			data = data[k:]
			cols[next] = c.before + 1
			next++
		}
		if err != nil {
			break
		}
		kept = partial(data)
		c.pass(data[:len(data)-kept])
		copy(buf, data[len(data)-kept:])
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
