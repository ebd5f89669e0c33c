package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// unescaped is the text of a string in the data, without escapes, and a position in
// both.
type unescaped struct {
	text    []byte
	data    []byte
	i, at   int // text[i] is written at data[at]
	scratch []byte
}

// place returns the position of text[i] in the data. i must not decrease from call to
// call.
func (u *unescaped) place(i int) int {
	for u.i < i {
		size := 1
		if u.data[u.at] == '\\' {
			size = escapeSize(u.data, u.at)
		}
		u.scratch = scan.Unescape(u.scratch[:0], u.data[u.at:u.at+size])
		u.i += len(u.scratch)
		u.at += size
	}
	return u.at
}

// escapeSize returns the length of the escape sequence at data[i], or 0 if it is
// invalid.
func escapeSize(data []byte, i int) int {
	switch n, f := scan.Escape(data, i); f {
	case scan.OK:
		return n
	case scan.BadNUL:
		return len(`\u0000`)
	}
	return 0
}

// narrative replaces the links and images of a narrative, the text of a string in
// data[start:end].
func (w *resolver) narrative(start, end int) {
	u := unescaped{data: w.data[:end], at: start}
	for i := start; i < end; {
		n := bytes.IndexByte(w.data[i:end], '\\')
		if n < 0 {
			break
		}
		size := escapeSize(u.data, i+n)
		if size == 0 {
			return
		}
		i += n + size
	}
	u.text = scan.Unescape(make([]byte, 0, end-start), w.data[start:end])
	for i := 0; ; {
		n := bytes.IndexByte(u.text[i:], '<')
		if n < 0 {
			return
		}
		if i += n + 1; bytes.HasPrefix(u.text[i:], []byte("!--")) {
			if n = bytes.Index(u.text[i:], []byte("-->")); n < 0 {
				return
			}
			i += n
			continue
		}
		i = w.tag(&u, i)
	}
}

// tag replaces the attributes of the tag whose name starts at u.text[i], and returns
// where it ends.
func (w *resolver) tag(u *unescaped, i int) int {
	text, name := u.text, i
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
		if i = scan.SkipSpace(text, i); i >= len(text) || text[i] != '=' {
			continue
		}
		if i = scan.SkipSpace(text, i+1); i >= len(text) || text[i] != '"' && text[i] != '\'' {
			continue
		}
		n := bytes.IndexByte(text[i+1:], text[i])
		if n < 0 {
			return len(text)
		}
		if string(attribute) == wanted {
			w.attribute(u, i+1, i+1+n)
		}
		i += n + 2
	}
	return i
}

// attribute replaces a reference in a narrative, u.text[start:end].
func (w *resolver) attribute(u *unescaped, start, end int) {
	value := u.text[start:end]
	if bytes.IndexByte(value, '&') >= 0 {
		value = bytes.ReplaceAll(value, []byte("&amp;"), []byte("&"))
	}
	if to, ok := w.ask(value); ok {
		w.replace(u.place(start), u.place(end), appendAttribute, to)
	}
}

// isNameByte reports whether c may be in the name of a tag or an attribute.
func isNameByte(c byte) bool {
	return c|0x20-'a' < 26 || c-'0' < 10 || c == '-' || c == ':' || c == '_' || c == '.'
}
