package fhirbundle

import (
	"bytes"
	"fmt"
	"strings"
)

// hostile are documents made to cost more than they should; make gives one of
// about so many bytes.
var hostile = []struct {
	name string
	make func(size int) []byte
}{
	{"keys of one object", func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('{')
			for i := 0; b.Len() < size; i++ {
				fmt.Fprintf(b, `"k%08d":1,`, i)
			}
			b.WriteString(`"last":1}`)
		})
	}},
	{"keys of the Bundle", func(size int) []byte {
		var b bytes.Buffer
		b.WriteByte('{')
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, `"k%08d":1,`, i)
		}
		b.WriteString(`"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Basic"}}]}`)
		return b.Bytes()
	}},
	{"keys in escapes", func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('{')
			for i := 0; b.Len() < size; i++ {
				fmt.Fprintf(b, `"\u006b%08d":1,`, i)
			}
			b.WriteString(`"last":1}`)
		})
	}},
	{"long keys that are nearly the same", func(size int) []byte {
		same := strings.Repeat("a", 2000)
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('{')
			for i := 0; b.Len() < size; i++ {
				fmt.Fprintf(b, `"%s%08d%s":1,`, same, i, same)
			}
			b.WriteString(`"last":1}`)
		})
	}},
	{"depth at the limit", func(size int) []byte {
		deep := strings.Repeat(`{"a":[`, 29) + "1" + strings.Repeat("]}", 29)
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('[')
			for b.Len() < size {
				b.WriteString(deep + ",")
			}
			b.WriteString("1]")
		})
	}},
	{"entries of {}", func(size int) []byte {
		return []byte(`{"resourceType":"Bundle","type":"batch","entry":[` + strings.Repeat("{},", size/3) + `{}]}`)
	}},
	{"entries before the type", func(size int) []byte {
		e := `{"request":{"method":"GET","url":"A"}},`
		return []byte(`{"resourceType":"Bundle","entry":[` + strings.Repeat(e, size/len(e)) + `{}],"type":"collection"}`)
	}},
	{"a long number", func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { b.WriteString("1" + strings.Repeat("0", size)) })
	}},
	{"escapes only", func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { b.WriteString(`"` + strings.Repeat(`\ud83d\ude00\n`, size/14) + `"`) })
	}},
	{"nulls in arrays", func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('{')
			for i := 0; b.Len() < size; i++ {
				fmt.Fprintf(b, `"k%08d":[null],`, i)
			}
			b.WriteString(`"last":1}`)
		})
	}},
	{"white space", func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { b.WriteString(strings.Repeat(" \n\t\r", size/4) + "1") })
	}},
	{"closed too often", func(size int) []byte {
		return []byte(`{"resourceType":"Bundle","entry":[` + strings.Repeat("]", size))
	}},
	{"opened only", func(size int) []byte {
		return []byte(strings.Repeat("[", size))
	}},
}

// inEntry is a Bundle with one resource, which has the value that write makes.
func inEntry(write func(b *bytes.Buffer)) []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"A"},"resource":{"resourceType":"Basic","x":`)
	write(&b)
	b.WriteString(`}}]}`)
	return b.Bytes()
}
