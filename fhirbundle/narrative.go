package fhirbundle

import "bytes"

// narrative goes over the links and images of a narrative, the text of a string in
// data[start:end].
func (w *resolver) narrative(start, end int) {
	// Without escapes, and where each byte is in the data.
	text, at := make([]byte, 0, end-start), make([]int, 0, end-start+1)
	for i := start; i < end; {
		n := 1
		if w.data[i] == '\\' {
			var f fault
			if n, f = escape(w.data[:end], i); f != fine && f != badNUL {
				return
			}
			if f == badNUL {
				n = len(`\u0000`)
			}
		}
		text = unescape(text, w.data[i:i+n])
		for len(at) < len(text) {
			at = append(at, i)
		}
		i += n
	}
	at = append(at, end)
	for i := 0; ; {
		n := bytes.IndexByte(text[i:], '<')
		if n < 0 {
			return
		}
		if i += n + 1; bytes.HasPrefix(text[i:], []byte("!--")) {
			if n = bytes.Index(text[i:], []byte("-->")); n < 0 {
				return
			}
			i += n
			continue
		}
		i = w.tag(text, at, i)
	}
}

// tag goes over the attributes of the tag whose name starts at text[i], and returns
// where it ends.
func (w *resolver) tag(text []byte, at []int, i int) int {
	name := i
	for i < len(text) && isNameByte(text[i]) {
		i++
	}
	wanted := ""
	switch string(text[name:i]) {
	case "a":
		wanted = "href"
	case "img":
		wanted = "src"
	}
	for i < len(text) && text[i] != '>' && text[i] != '<' {
		if !isNameByte(text[i]) {
			i++
			continue
		}
		name := i
		for i < len(text) && isNameByte(text[i]) {
			i++
		}
		attribute := text[name:i]
		if i = skipSpace(text, i); i >= len(text) || text[i] != '=' {
			continue
		}
		if i = skipSpace(text, i+1); i >= len(text) || text[i] != '"' && text[i] != '\'' {
			continue
		}
		n := bytes.IndexByte(text[i+1:], text[i])
		if n < 0 {
			return len(text)
		}
		if string(attribute) == wanted {
			w.attribute(text[i+1:i+1+n], at[i+1], at[i+1+n])
		}
		i += n + 2
	}
	return i
}

// attribute goes over a reference in a narrative, which is data[start:end].
func (w *resolver) attribute(value []byte, start, end int) {
	if bytes.IndexByte(value, '&') >= 0 {
		value = bytes.ReplaceAll(value, []byte("&amp;"), []byte("&"))
	}
	if to, ok := w.ask(value); ok {
		w.replace(start, end, appendAttribute, to)
	}
}

// isNameByte reports whether c can be in the name of a tag or of an attribute.
func isNameByte(c byte) bool {
	return c|0x20-'a' < 26 || c-'0' < 10 || c == '-' || c == ':' || c == '_' || c == '.'
}
