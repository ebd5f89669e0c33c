package fhirbundle

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// hostile has documents made to be expensive.
var hostile = []struct {
	name string
	code string // of the error that is shown, "" for none
	each int    // how many bytes may be allocated for each byte, besides some for all
	make func(size int) []byte
}{
	{"keys of one object", "", 24, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { keys(b, size, `"k%08d":1,`) })
	}},
	{"keys of the Bundle", "", 24, func(size int) []byte {
		var b bytes.Buffer
		b.WriteByte('{')
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, `"k%08d":1,`, i)
		}
		b.WriteString(`"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic"}}]}`)
		return b.Bytes()
	}},
	{"keys in escapes", "", 24, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { keys(b, size, `"\u006b%08d":1,`) })
	}},
	{"long keys that are nearly the same", "", 8, func(size int) []byte {
		same := strings.Repeat("a", 2000)
		return inEntry(func(b *bytes.Buffer) { keys(b, size, `"`+same+`%08d`+same+`":1,`) })
	}},
	{"long keys in escapes that are nearly the same", "", 16, func(size int) []byte {
		same := strings.Repeat(`\u0061\u00e9`, 100)
		return inEntry(func(b *bytes.Buffer) { keys(b, size, `"`+same+`%08d`+same+`":"`+same+`",`) })
	}},
	{"a key twice among many", "json-dup", 24, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			keys(b, size, `"k%08d":1,`)
			b.Truncate(b.Len() - 1)
			b.WriteString(`,"k00000000":1}`)
		})
	}},
	{"objects with a table each", "", 8, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { list(b, size, "{"+many(40)+"},") })
	}},
	{"a wide object at every level", "", 8, func(size int) []byte {
		level := "{" + many(40) + `,"inner":`
		return inEntry(func(b *bytes.Buffer) {
			list(b, size, strings.Repeat(level, 50)+"1"+strings.Repeat("}", 50)+",")
		})
	}},
	{"depth at the limit", "", 4, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			list(b, size, strings.Repeat(`{"a":[`, 29)+"1"+strings.Repeat("]}", 29)+",")
		})
	}},
	{"depth past the limit", "json-depth", 4, func(size int) []byte {
		deep := strings.Repeat(`{"a":[`, 29) + "1" + strings.Repeat("]}", 29) + ","
		return inEntry(func(b *bytes.Buffer) {
			list(b, size, deep)
			b.Truncate(b.Len() - len("1]"))
			b.WriteString(strings.Repeat(`[`, 60) + "1" + strings.Repeat("]", 61))
		})
	}},
	{"entries of {}", "entry-resource", 0, func(size int) []byte {
		return []byte(`{"resourceType":"Bundle","type":"batch","entry":[` + strings.Repeat("{},", size/3) + `{}]}`)
	}},
	{"entries before the type", "entry-resource", 0, func(size int) []byte {
		e := `{"request":{"method":"GET","url":"Basic"}},`
		return []byte(`{"resourceType":"Bundle","entry":[` + strings.Repeat(e, size/len(e)) + `{}],"type":"collection"}`)
	}},
	{"entries with a fullUrl each", "", 8, func(size int) []byte {
		return entriesOf(size, `{"fullUrl":"http://a.b/Basic/%d","resource":{"resourceType":"Basic"},"request":{"method":"POST","url":"Basic"}}`)
	}},
	{"entries that change a resource each", "", 8, func(size int) []byte {
		return entriesOf(size, `{"resource":{"resourceType":"Basic","id":"%[1]d"},"request":{"method":"PUT","url":"Basic/%[1]d"}}`)
	}},
	{"entries that refer to nothing", "", 8, func(size int) []byte {
		return entriesOf(size, `{"resource":{"resourceType":"Basic","subject":{"reference":"urn:uuid:00000000-0000-4000-8000-%012d"}},"request":{"method":"POST","url":"Basic"}}`)
	}},
	{"references to nothing in one entry", "", 12, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('[')
			for i := 0; b.Len() < size; i++ {
				fmt.Fprintf(b, `{"reference":"urn:uuid:00000000-0000-4000-8000-%012d"},`, i)
			}
			b.WriteString("1]")
		})
	}},
	{"resource types", "", 2, func(size int) []byte {
		var b bytes.Buffer
		b.WriteString(`{"resourceType":"Bundle","type":"collection","entry":[`)
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, `{"resource":{"resourceType":"%s"}},`, madeUpType(nil, i))
		}
		b.WriteString(`{"resource":{"resourceType":"Basic"}}]}`)
		return b.Bytes()
	}},
	{"contained resources", "", 16, func(size int) []byte {
		var b bytes.Buffer
		b.WriteString(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","contained":[`)
		for i := 0; b.Len() < size/2; i++ {
			fmt.Fprintf(&b, `{"resourceType":"Basic","id":"c%d"},`, i)
		}
		b.WriteString(`{"resourceType":"Basic","id":"c"}],"x":[`)
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, `{"reference":"#c%d"},`, i)
		}
		b.WriteString(`{"reference":"#c"}]}}]}`)
		return b.Bytes()
	}},
	{"Bundles in Bundles", "", 8, func(size int) []byte {
		head := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":`
		nested := strings.Repeat(head, 19) + patient + strings.Repeat("}]}", 19)
		var b bytes.Buffer
		b.WriteString(strings.TrimSuffix(head, `{"resource":`))
		for b.Len() < size {
			b.WriteString(`{"resource":` + nested + "},")
		}
		b.WriteString(`{"resource":` + patient + `}]}`)
		return b.Bytes()
	}},
	{"long numbers", "", 4, func(size int) []byte {
		digits := strings.Repeat("1234567890", min(size, 1<<20)/10)
		return inEntry(func(b *bytes.Buffer) { list(b, size, "-"+digits+",0."+digits+",1e"+digits+",") })
	}},
	{"escapes only", "", 4, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { b.WriteString(`"` + strings.Repeat(`\ud83d\ude00\n`, size/14) + `"`) })
	}},
	{"escapes only, in names and values", "", 24, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) {
			b.WriteByte('{')
			for i := 0; b.Len() < size; i++ {
				for range 2 {
					fmt.Fprintf(b, `"\u4e00\u4e01\ud83d\ude00\u%04x\u%04x":`, 0x1000+i>>12, 0x1000+i&0xfff)
				}
				b.Bytes()[b.Len()-1] = ','
			}
			b.WriteString(`"last":1}`)
		})
	}},
	{"characters of two to four bytes", "", 4, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { b.WriteString(`"` + strings.Repeat("é€😀", size/9) + `"`) })
	}},
	{"contained resources that something refers to", "", 24, func(size int) []byte {
		return containing(size, `{"resourceType":"Basic","id":"c%d"},`, `{"reference":"#c%d"},`)
	}},
	{"contained resources that nothing refers to", "", 24, func(size int) []byte {
		return containing(size, `{"resourceType":"Basic","id":"c%d","a":"#d%d"},`, `"#","<a href='#d'>",`)
	}},
	{"contained resources with the same id", "", 24, func(size int) []byte {
		return containing(size, `{"resourceType":"Basic","id":"c"},`, `{"reference":"#d"},`)
	}},
	{"contained resources without anything", "", 24, func(size int) []byte {
		return containing(size, `{},`, `{"reference":"#"},`)
	}},
	{"contained parameters with resources", "", 24, func(size int) []byte {
		return containing(size, `{"resourceType":"Parameters","parameter":[{"resource":{"resourceType":"Basic","a":{"reference":"#"}}}]},`, `0,`)
	}},
	{"contained Bundles", "", 24, func(size int) []byte {
		return containing(size, `{"resourceType":"Bundle","entry":[{"fullUrl":"x"},{}]},`, `0,`)
	}},
	{"parts at the limit of depth", "", 8, func(size int) []byte {
		return entriesOf(size, `{"resource":{"resourceType":"Parameters","parameter":[`+strings.Repeat(`{"part":[`, 29)+`{"name":"%d"}`+strings.Repeat(`]}`, 29)+`]},"request":{"method":"POST","url":"Parameters"}}`)
	}},
	{"resources in parameters at the limit of depth", "", 8, func(size int) []byte {
		return entriesOf(size, `{"resource":`+strings.Repeat(`{"resourceType":"Parameters","parameter":[{"resource":`, 19)+`{"resourceType":"Basic","id":"%d"}`+strings.Repeat(`}]}`, 19)+`,"request":{"method":"POST","url":"Parameters"}}`)
	}},
	{"nulls in arrays", "", 48, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { keys(b, size, `"k%08d":[null],`) })
	}},
	{"arrays with a companion", "", 24, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { keys(b, size, `"k%08[1]d":[null,"a"],"_k%08[1]d":[{"id":"a"},null],`) })
	}},
	{"white space", "", 4, func(size int) []byte {
		return inEntry(func(b *bytes.Buffer) { b.WriteString(strings.Repeat(" \n\t\r", size/4) + "1") })
	}},
	{"white space between entries", "", 0, func(size int) []byte {
		return []byte(strings.Replace(tx(post(patient), post(patient)), "]", strings.Repeat("\n \r\t", size/4)+"]", 1))
	}},
	{"closed too often", "json-syntax", 0, func(size int) []byte {
		return []byte(`{"resourceType":"Bundle","entry":[` + strings.Repeat("]", size))
	}},
	{"opened only", "json-depth", 0, func(size int) []byte {
		return []byte(strings.Repeat("[", size))
	}},
}

// inEntry is a Bundle with one resource, which has the value that write makes.
func inEntry(write func(b *bytes.Buffer)) []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic","x":`)
	write(&b)
	b.WriteString(`}}]}`)
	return b.Bytes()
}

// containing is a Bundle with one resource that contains others and has as many
// references, each made by a format with a number.
func containing(size int, one, reference string) []byte {
	var b, refs bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic","contained":[`)
	number := func(w *bytes.Buffer, format string, i int) {
		w.WriteString(strings.ReplaceAll(format, "%d", strconv.Itoa(i)))
	}
	for i := 0; b.Len()+refs.Len() < size; i++ {
		number(&b, one, i)
		number(&refs, reference, i)
	}
	b.WriteString(`7],"x":[`)
	b.Write(refs.Bytes())
	b.WriteString(`7]}}]}`)
	return b.Bytes()
}

// keys writes an object with members made by a format with a number.
func keys(b *bytes.Buffer, size int, format string) {
	b.WriteByte('{')
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(b, format, i)
	}
	b.WriteString(`"last":1}`)
}

// list writes an array with the items again and again.
func list(b *bytes.Buffer, size int, items string) {
	b.WriteByte('[')
	for b.Len() < size {
		b.WriteString(items)
	}
	b.WriteString("1]")
}

// entriesOf is a transaction with entries made by a format with a number.
func entriesOf(size int, format string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, format+",", i)
	}
	b.WriteString(post(patient) + "]}")
	return b.Bytes()
}

// madeUpType appends a word that could be a resource type, different for each number.
func madeUpType(b []byte, i int) []byte {
	b = append(b, 'T')
	for ; i > 0; i /= 26 {
		b = append(b, 'a'+byte(i%26))
	}
	return b
}
