package fhirbundle

import (
	"bytes"
	"slices"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// judgeLocal judges the references inside a root, and whether something refers to
// each of its contained resources, which list has. apart are the extents in it that
// have references of their own.
func (r *Reader) judgeLocal(data []byte, c contents, list *containedList, apart []extent) {
	refs := r.scan.Marks.Deep
	first, _ := slices.BinarySearch(refs, uint32(c.at))
	rest, around := apart, 0
	for _, name := range refs[first:] {
		i := int(name)
		if i >= c.end {
			break
		}
		for len(rest) > 0 && i >= rest[0].end {
			rest = rest[1:]
		}
		if len(rest) > 0 && i >= rest[0].at {
			continue
		}
		at := scan.ValueAt(data, i)
		if data[at] != '"' || data[at+1] != '#' && data[at+1] != '\\' {
			continue
		}
		text := r.plainAt(data, at)
		if len(text) == 0 || text[0] != '#' {
			continue
		}
		n := -1
		if len(text) > 1 {
			n = list.find(text[1:])
		} else {
			// The container, if the reference is in a contained resource.
			for around < len(list.all) && int(list.all[around].end) <= i {
				around++
			}
			if around < len(list.all) && int(list.all[around].at) < i {
				n = around
			}
		}
		switch {
		case n >= 0:
			list.refer(n)
		case len(text) > 1 || r.opts.version.bansBareFragment():
			r.innerIssue(ref1, at, "")
		}
	}
	if list.lone == 0 {
		return
	}
	mentions{list: list, reader: r}.find(data, c, apart)
	for n, one := range list.all {
		if list.lone == 0 {
			break
		}
		if !one.referred {
			list.lone--
			r.inner.enter("contained", n)
			r.innerIssue(dom3, int(one.at), "")
			r.inner.leave()
		}
	}
}

// bansBareFragment reports whether "#", the container, is allowed in contained
// resources only. R4 doesn't say so, R4B's and R5's ref-1 does.
func (v Version) bansBareFragment() bool { return v != R4 }

// mentions finds what refers to a contained resource by other means than a
// Reference: an element of type canonical, uri or url, or a link or an image in a
// narrative. Types are not known here, so any string counts that says "#id".
type mentions struct {
	list   *containedList
	reader *Reader
	around int // the contained resource that is being looked at
}

func (m mentions) find(data []byte, c contents, apart []extent) {
	for i := c.at; i < c.end && m.list.lone > 0; {
		if len(apart) > 0 && i >= apart[0].at {
			i, apart = apart[0].end, apart[1:]
			continue
		}
		if data[i] != '"' {
			i++
			continue
		}
		end, plain := scan.StringEnd(data, i+1)
		text := data[i+1 : end]
		if !plain {
			text = m.reader.plain(text)
		}
		if end = scan.SkipSpace(data, end+1); data[end] != ':' && bytes.IndexByte(text, '#') >= 0 {
			m.look(text, i)
		}
		i = end
	}
}

// look marks the contained resource that a string, which starts at data[at], refers to.
func (m *mentions) look(text []byte, at int) {
	if text[0] == '#' {
		id, _, _ := bytes.Cut(text[1:], []byte("|")) // a canonical may have a version
		if n := m.list.find(id); n >= 0 {
			m.list.refer(n)
		}
		for all := m.list.all; len(text) == 1; m.around++ {
			if m.around == len(all) || int(all[m.around].at) > at {
				return
			}
			if int(all[m.around].end) > at {
				m.list.refer(m.around)
				return
			}
		}
		return
	}
	for {
		n := bytes.IndexByte(text, '#')
		if n < 0 {
			return
		}
		var quote byte
		if n > 0 {
			quote = text[n-1]
		}
		text = text[n+1:]
		if quote != '"' && quote != '\'' {
			continue
		}
		n = 0
		for n < len(text) && notID[text[n]] == 0 {
			n++
		}
		if n > 0 && n < len(text) && text[n] == quote {
			if k := m.list.find(text[:n]); k >= 0 {
				m.list.refer(k)
			}
		}
	}
}
