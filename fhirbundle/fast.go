//go:build (amd64 || arm64) && !fhirdock_safe && !purego

package fhirbundle

// nested scans the object or array that starts at data[0]. The usual is done by
// run, which calls nothing, so that its state stays in registers; here is what
// is less usual. What is broken, what is near the end, and names that are not
// plain ASCII are left to walk.
func (s *scanner) nested(data []byte, depth int) (int, fault) {
	if len(data) < margin || s.maxString < margin {
		return s.walk(data, &open{outer: depth, depth: depth})
	}
	o := open{outer: depth, depth: depth, close: s.marks.close + 1}
	at := resumeValue
	lim := len(data) - margin
	for {
		why := s.run(textOf(data), lim, at, &o)
		switch why {
		case stopName:
			n := name{o.hash, uint32(o.start), uint32(o.i - o.start)}
			bit := filterBit(o.hash)
			if o.filter&bit != 0 {
				wide, f := s.admit(data, n, o.base, o.depth)
				if f != fine {
					return o.start - 1, f
				}
				if wide {
					o.flags |= hasExtra
					o.filter = ^uint64(0)
				}
			}
			if s.marks.asks(bit, o.depth) {
				s.mark(data, data[o.start:o.i], bit, o.i+1, o.depth)
			}
			if data[o.start] == '_' {
				o.flags |= hasExtra | paired
				s.pair(o.i+1, o.depth)
			}
			o.filter |= bit
			s.names = append(s.names, n)
			o.at = behindName
			if data[o.i+1] != ':' {
				o.i++
				return s.walk(data, &o)
			}
			if o.i = skipSpace(data, o.i+2); o.i > lim {
				o.at = beforeValue
				return s.walk(data, &o)
			}
			at = resumeValue
		case stopString:
			end, f := scanString(data, o.i, s.allowNUL)
			if f != fine || end-o.start > s.maxString {
				o.i, o.at = o.start-1, beforeValue
				return s.walk(data, &o)
			}
			o.i, at = end+1, resumeAfter
		case stopNumber:
			i, f := number(data, o.i, false)
			if f != fine {
				return i, f
			}
			o.i, at = i, resumeAfter
		case stopLiteral:
			i, f := literal(data, o.i)
			if f != fine {
				return i, f
			}
			if data[o.i] == 'n' {
				s.null(o.depth, o.outer, o.flags, o.i)
			}
			o.i, at = i, resumeAfter
		case stopEmptyString:
			s.note(fhirEmptyString, o.start-1)
			o.i, at = o.i+1, resumeAfter
		case stopEmpty, stopPop:
			if why == stopEmpty {
				r := fhirEmptyObject
				if o.flags&isArray != 0 {
					r = fhirEmptyArray
				}
				s.note(r, o.start)
			}
			if o.flags&isArray == 0 {
				if o.flags&hasExtra != 0 {
					s.leave(data, o.base, o.depth)
				}
				s.names = s.names[:o.base]
			}
			o.i++
			o.depth--
			last := &s.frames[o.depth]
			o.filter, o.base, o.flags = last.filter, int(last.base), last.flags
			if o.depth == s.marks.close && s.marks.open != nowhere {
				s.marks.end[s.marks.open] = o.i
				s.marks.open = nowhere
			}
			if o.depth == o.outer {
				return o.i, fine
			}
			at = resumeAfter
		case stopDepth:
			if !s.deepen(o.depth) {
				return o.i, tooDeep
			}
			at = resumeValue
		default:
			return s.walk(data, &o)
		}
	}
}
