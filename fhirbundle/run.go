//go:build (amd64 || arm64) && !fhirdock_safe && !purego

package fhirbundle

import "unsafe"

// stop is why run returned.
type stop uint8

const (
	stopWalk        stop = iota // walk should go on
	stopName                    // a name that a filter could not clear, or no room for it
	stopString                  // an escape, or what is not ASCII, in a string
	stopNumber                  // a number
	stopLiteral                 // a literal that is not true or false
	stopEmptyString             // a string that is empty
	stopEmpty                   // an object or array that is empty
	stopPop                     // the end of an object or array that needs care
	stopDepth                   // there is no frame for one more level
)

// resume is where run goes on.
type resume uint8

const (
	resumeValue resume = iota // before a value
	resumeAfter               // after a value
)

// run goes through what is usual. p is the data, lim how far it may go: it
// compares its place with lim before it loads from up to margin bytes ahead.
func (s *scanner) run(p unsafe.Pointer, lim int, at resume, o *open) stop {
	var (
		i      = o.i
		filter = o.filter
		names  = s.names[:cap(s.names)]
		n      = len(s.names)
		c      byte
		start  = o.start
		w, m   uint64
		h      uint64
		why    stop
		last   *frame
		q      *askedName
	)
	if at == resumeAfter {
		goto after
	}
	if i > lim {
		goto valueElsewhere
	}
	c = byteAt(p, i)
	goto value

name:
	// data[i] is the quote before a name.
	if i > lim {
		goto nameElsewhere
	}
	i++
	start = i
	w = wordAt(p, i)
	if m = special(w); m != 0 {
		h = w & ((m&-m)>>7 - 1) // the bytes below the mark belong to the name
		i = behind(i, m)
	} else {
		for h = w; ; h = chain(h, w) {
			i += 8
			if i > lim {
				goto nameAgain
			}
			w = wordAt(p, i)
			if m = special(w); m != 0 {
				break
			}
		}
		h = chain(h, w&((m&-m)>>7-1))
		i += first(m)
		if i-start > s.maxString {
			goto nameAgain
		}
	}
	w = wordAt(p, i)
	m = 1 << (h * finger >> 58)
	if byte(w) != '"' {
		goto nameAgain
	}
	if (filter|s.marks.filter)&m != 0 || byteAt(p, start) == '_' || uint(n) >= uint(len(names)) {
		if filter&m != 0 || byteAt(p, start) == '_' || uint(n) >= uint(len(names)) {
			o.hash = h
			why = stopName
			goto leave
		}
		if s.marks.asks(m, o.depth) {
			// As mark does, but for what it has to look further into. A hash, the
			// length, and the first eight bytes make sure of a name of up to 16.
			for q = askedNames[h*finger>>58]; q != nil; q = q.next {
				// What is none of them just has a bit in common.
				if q.hash != h || q.size != i-start || q.size > 8 && q.word != wordAt(p, start) {
					continue
				}
				inside := s.marks.kind == watchResource || s.marks.open == resource && o.depth > s.marks.outer+1
				if q.far {
					k := len(s.marks.refs)
					if q.size == len("fhir_comments") || !inside || k >= cap(s.marks.refs) {
						o.hash = h
						why = stopName
						goto leave
					}
					s.marks.refs = s.marks.refs[:k+1]
					s.marks.refs[k] = uint32(i + 1)
				} else if inside {
					if o.depth <= s.marks.depth {
						s.marks.at[q.resource] = i + 1
					}
				} else if o.depth == s.marks.outer+1 {
					if q.entry == resource || q.entry == request {
						if w>>8&0xffff != ':'|'{'<<8 {
							o.hash = h
							why = stopName
							goto leave
						}
						s.marks.open = q.entry // its end follows
					}
					s.marks.at[q.entry] = i + 1
				} else if s.marks.open == request && o.depth <= s.marks.depth {
					s.marks.at[q.request] = i + 1
				}
				break
			}
		}
	}
	filter |= m
	names[n] = name{h, uint32(start), uint32(i - start)}
	n++

	// The colon, and the start of the value.
	c = byte(w >> 16)
	if byte(w>>8) != ':' {
		if w>>8&0xffff != ' '|':'<<8 {
			o.at = behindName
			i++
			goto leave
		}
		c = byte(w >> 24)
		i++
	}
	i += 2
	if c == ' ' {
		i++
		c = byteAt(p, i)
	}
	if c != '"' {
		goto value
	}
	i++
	start = i

member:
	// In a string that is a member of an object.
	if m = special(wordAt(p, i)); m == 0 {
		i += 8
		if m = special(wordAt(p, i)); m == 0 {
			i += 8
			if m = special(wordAt(p, i)); m == 0 {
				i += 8
				if m = special(wordAt(p, i)); m == 0 {
					i += 8
					if i > lim {
						goto stringAgain
					}
					goto member
				}
			}
		}
	}
	i += first(m)
	w = wordAt(p, i)
	if byte(w) != '"' {
		// The usual escapes, and characters of two and three bytes where all
		// continuations are right.
		if byte(w) == '\\' && simple[byte(w>>8)] {
			i += 2
		} else if byte(w)-0xc2 < 0xe0-0xc2 && w&0xc000 == 0x8000 {
			i += 2
		} else if byte(w)-0xe1 < 0xed-0xe1 && w&0xc0c000 == 0x808000 {
			i += 3
		} else {
			why = stopString
			goto leave
		}
		if i > lim {
			goto stringAgain
		}
		goto member
	}
	if i == start {
		why = stopEmptyString
		goto leave
	}
	if i-start > margin && i-start > s.maxString {
		goto stringAgain
	}
	if w>>8&0xffff == ','|'"'<<8 {
		i += 2
		goto name
	}
	c = byte(w >> 8)
	i++

afterMember:
	// A value in an object has ended before data[i], and c is that byte.
	if c == ',' {
		i++
		c = byteAt(p, i)
		if c == '"' {
			goto name
		}
		if c == '\n' {
			for i++; ; i += 8 {
				if i > lim {
					goto nameElsewhere
				}
				m = wordAt(p, i) ^ blanks
				if m != 0 {
					break
				}
			}
			i += first(m)
			c = byteAt(p, i)
			if c == '"' {
				goto name
			}
		}
		for ; c <= ' '; c = byteAt(p, i) {
			if i > lim || 1<<c&whites == 0 {
				goto nameElsewhere
			}
			i++
		}
		if c == '"' {
			goto name
		}
		goto nameElsewhere
	}
	if c == '}' {
		goto popObject
	}
	if c == '\n' {
		for i++; ; i += 8 {
			if i > lim {
				goto afterElsewhere
			}
			m = wordAt(p, i) ^ blanks
			if m != 0 {
				break
			}
		}
		i += first(m)
		c = byteAt(p, i)
		if c == '}' {
			goto popObject
		}
	}
	for ; c <= ' '; c = byteAt(p, i) {
		if i > lim || 1<<c&whites == 0 {
			goto afterElsewhere
		}
		i++
	}
	if c == ',' {
		goto afterMember
	}
	if c == '}' {
		goto popObject
	}
	goto afterElsewhere

value:
	// A value starts at data[i], and c is its first byte.
	if c == '{' {
		if uint(o.depth) >= uint(len(s.frames)) {
			why = stopDepth
			goto leave
		}
		last = &s.frames[o.depth]
		last.filter, last.base, last.flags = filter, uint32(o.base), o.flags
		o.depth++
		filter, o.base, o.flags = 0, n, 0
		start = i
		i++
		c = byteAt(p, i)
		if c == '"' {
			goto name
		}
		if c == '\n' {
			for i++; ; i += 8 {
				if i > lim {
					goto unnest
				}
				m = wordAt(p, i) ^ blanks
				if m != 0 {
					break
				}
			}
			i += first(m)
			c = byteAt(p, i)
			if c == '"' {
				goto name
			}
		}
		for ; c <= ' '; c = byteAt(p, i) {
			if i > lim || 1<<c&whites == 0 {
				goto unnest
			}
			i++
		}
		if c == '"' {
			goto name
		}
		if c == '}' {
			why = stopEmpty
			goto leave
		}
		goto nameElsewhere
	}
	if c == '"' {
		i++
		start = i
		if o.flags&isArray == 0 {
			goto member
		}
		goto element
	}
	if c == '[' {
		if uint(o.depth) >= uint(len(s.frames)) {
			why = stopDepth
			goto leave
		}
		last = &s.frames[o.depth]
		last.filter, last.base, last.flags = filter, uint32(o.base), o.flags
		o.depth++
		if o.flags&paired != 0 && s.counts(n) {
			o.flags = isArray | counting
		} else {
			o.flags = isArray
		}
		start = i
		i++
		c = byteAt(p, i)
		if c == '\n' {
			for i++; ; i += 8 {
				if i > lim {
					goto unnest
				}
				m = wordAt(p, i) ^ blanks
				if m != 0 {
					break
				}
			}
			i += first(m)
			c = byteAt(p, i)
		}
		for ; c <= ' '; c = byteAt(p, i) {
			if i > lim || 1<<c&whites == 0 {
				goto unnest
			}
			i++
		}
		if c == ']' {
			why = stopEmpty
			goto leave
		}
		if i > lim {
			goto valueElsewhere
		}
		goto value
	}
	if c-'0' < 10 || c == '-' {
		// Digits, of which the first is no zero, and a fraction; what does not
		// end within the margin, and all else, is for number.
		start = i
		if c == '-' {
			i++
			c = byteAt(p, i)
		}
		i++
		if c == '0' {
			c = byteAt(p, i)
			if c-'0' < 10 {
				goto numeral
			}
		} else {
			if c-'1' >= 9 {
				goto numeral
			}
			for c = byteAt(p, i); c-'0' < 10; c = byteAt(p, i) {
				if i++; i > start+24 {
					goto numeral
				}
			}
		}
		if c == '.' {
			i++
			if byteAt(p, i)-'0' >= 10 {
				goto numeral
			}
			for c = byteAt(p, i); c-'0' < 10; c = byteAt(p, i) {
				if i++; i > start+48 {
					goto numeral
				}
			}
		}
		if c|0x20 == 'e' {
			goto numeral
		}
		if o.flags&isArray == 0 {
			goto afterMember
		}
		goto after
	}
	w = wordAt(p, i)
	if uint32(w) == 't'|'r'<<8|'u'<<16|'e'<<24 {
		i += 4
		goto after
	}
	if uint32(w) == 'f'|'a'<<8|'l'<<16|'s'<<24 && byte(w>>32) == 'e' {
		i += 5
		goto after
	}
	if c > ' ' {
		why = stopLiteral
		goto leave
	}
	for ; c <= ' '; c = byteAt(p, i) {
		if i > lim || 1<<c&whites == 0 {
			goto valueElsewhere
		}
		i++
	}
	goto value

element:
	// In a string that is an element of an array.
	if m = special(wordAt(p, i)); m == 0 {
		i += 8
		if i > lim {
			goto stringAgain
		}
		goto element
	}
	i += first(m)
	if byteAt(p, i) != '"' {
		why = stopString
		goto leave
	}
	if i == start {
		why = stopEmptyString
		goto leave
	}
	if i-start > margin && i-start > s.maxString {
		goto stringAgain
	}
	i++

after:
	// A value has ended before data[i].
	if i > lim {
		goto afterElsewhere
	}
	c = byteAt(p, i)
	if o.flags&isArray == 0 {
		goto afterMember
	}
	if c == '\n' {
		for i++; ; i += 8 {
			if i > lim {
				goto afterElsewhere
			}
			m = wordAt(p, i) ^ blanks
			if m != 0 {
				break
			}
		}
		i += first(m)
		c = byteAt(p, i)
	}
	for ; c <= ' '; c = byteAt(p, i) {
		if i > lim || 1<<c&whites == 0 {
			goto afterElsewhere
		}
		i++
	}
	if c == ']' {
		goto popArray
	}
	if c != ',' {
		goto afterElsewhere
	}
	if o.flags&counting != 0 {
		s.pairs[len(s.pairs)-1].count++
	}
	i++
	c = byteAt(p, i)
	if c == '\n' {
		for i++; ; i += 8 {
			if i > lim {
				goto valueElsewhere
			}
			m = wordAt(p, i) ^ blanks
			if m != 0 {
				break
			}
		}
		i += first(m)
		c = byteAt(p, i)
	}
	for ; c <= ' '; c = byteAt(p, i) {
		if i > lim || 1<<c&whites == 0 {
			goto valueElsewhere
		}
		i++
	}
	goto value

popObject:
	// The closing brace of the innermost object is data[i].
	if o.flags&hasExtra != 0 || o.depth <= o.close {
		if o.flags&hasExtra != 0 || o.depth < o.close || o.depth == o.outer+1 {
			why = stopPop
			goto leave
		}
		if s.marks.open != nowhere {
			s.marks.end[s.marks.open] = i + 1
			s.marks.open = nowhere
		}
	}
	i++
	n = o.base
	o.depth--
	last = &s.frames[o.depth]
	filter = last.filter
	o.base = int(last.base)
	o.flags = last.flags
	goto after

popArray:
	// The closing bracket of the innermost array is data[i].
	if o.depth <= o.close {
		why = stopPop
		goto leave
	}
	i++
	o.depth--
	last = &s.frames[o.depth]
	filter = last.filter
	o.base = int(last.base)
	o.flags = last.flags
	goto after

numeral:
	i = start
	why = stopNumber
	goto leave
nameAgain:
	i = start - 1
nameElsewhere:
	o.at = beforeName
	goto leave
unnest:
	o.depth--
	last = &s.frames[o.depth]
	filter, o.base, o.flags = last.filter, int(last.base), last.flags
	start++
stringAgain:
	i = start - 1
valueElsewhere:
	o.at = beforeValue
	goto leave
afterElsewhere:
	o.at = behindValue
leave:
	o.i, o.filter, o.start = i, filter, start
	s.names = s.names[:n]
	return why
}

// whites has a bit for each kind of white space.
const whites = 1<<' ' | 1<<'\n' | 1<<'\r' | 1<<'\t'
