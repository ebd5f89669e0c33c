package scan

import "encoding/binary"

// reach is how many bytes the loop may read ahead of its position after one
// comparison with the end of the data.
const reach = 64

// step says where the loop resumes, or why it stopped.
type step uint8

const (
	atValue      step = iota // before a value, or white space before it
	atName                   // before a name, or white space before it
	afterName                // after the closing quote of a name that was added
	afterValue               // after a value
	atFirstName              // after an opening brace
	atFirstValue             // after an opening bracket
	newName                  // at the closing quote of a name that must be compared with others
	inName                   // before a name with an escape, not in ASCII, long, or near the end
	inString                 // in a string with an escape, not in ASCII, long, or near the end
	emptyString              // at the closing quote of an empty string
	atNumber                 // before a number
	atEnd                    // at the closing character of an object or array with more to do
	atDepth                  // before an object or array that has no frame yet
	finished                 // after the value
)

// cursor is the state of a scan between two runs of the loop.
type cursor struct {
	at     int    // an index into the data
	start  int    // of the string, name, object or array that the loop stopped at
	hash   uint64 // of the name
	outer  int    // objects and arrays around the value
	depth  int    // open objects and arrays
	close  int    // the ends of objects and arrays are marked down to this depth
	filter uint64 // of the innermost object's names
	base   int    // its first name
	flags  uint8  // of the innermost object or array
}

// loop scans common JSON and stops at anything else. It is one function without calls,
// so that its state stays in registers: most of a reader's time is spent here. It checks
// an index once for all the bytes within reach.
//
// data is the data that the cursor's indexes refer to, with shift 0. Near its end, data
// is a copy of the last bytes followed by zeros, and shift is where they start.
func (s *Scanner) loop(data []byte, shift int, from step, o *cursor) step {
	var (
		i      = o.at - shift
		lim    = len(data) - reach
		filter = o.filter
		names  = s.names[:cap(s.names)]
		n      = len(s.names)
		p      *[reach]byte // data[i:]
		c      byte
		start  = o.start - shift
		k      int
		w, m   uint64
		h      uint64
		last   *frame
		q      *Member
	)
	switch from {
	case afterValue:
		goto after
	case atName:
		goto name
	}
	if uint(i) >= uint(len(data)) {
		goto leave
	}
	c = data[i]
	goto value

name:
	// data[i] is the quote before a name.
	i++
	if i < 0 || i > lim {
		goto nameAgain
	}
	p = (*[reach]byte)(data[i : i+reach])
	start = i
	w = binary.LittleEndian.Uint64(p[:8])
	if m = special(w); m != 0 {
		h = w & ((m&-m)>>7 - 1) // the bytes below the mark belong to the name
		k = firstMarkedByJump(m)
	} else {
		h, k = w, 8
		for {
			w = binary.LittleEndian.Uint64(p[k : k+8])
			if m = special(w); m != 0 {
				break
			}
			h = Chain(h, w)
			if k += 8; k > reach-24 {
				goto nameAgain
			}
		}
		h = Chain(h, w&((m&-m)>>7-1))
		k += firstMarked(m)
	}
	w = binary.LittleEndian.Uint64(p[k : k+8])
	i += k
	m = filterBit(h)
	if byte(w) != '"' || k > s.maxString {
		i = start
		goto nameAgain
	}
	if (filter|s.Marks.filter)&m != 0 || p[0] == '_' || uint(n) >= uint(len(names)) {
		if filter&m != 0 || p[0] == '_' || uint(n) >= uint(len(names)) {
			o.hash = h
			from = newName
			goto leave
		}
		if s.Marks.asks(m, o.depth) {
			// This is mark, except for the rare cases. The hash, the length and the
			// first eight bytes identify a name of up to 16 bytes.
			for q = s.Marks.table.byBit[h*filterMultiplier>>58]; q != nil; q = q.next {
				// Other names can have the same bit.
				if q.hash != h || q.size != k || q.size > 8 && q.word != binary.LittleEndian.Uint64(p[:8]) {
					continue
				}
				if q.Deep && s.Marks.Section == 1 && len(s.Marks.Deep) < cap(s.Marks.Deep) {
					k := len(s.Marks.Deep)
					s.Marks.Deep = s.Marks.Deep[:k+1]
					s.Marks.Deep[k] = uint32(i + shift + 1)
				} else if q.Deep || q.Comment || q.Opens != 0 && s.Marks.Section == 0 && w>>8&0xffff != ':'|'{'<<8 {
					o.hash = h
					from = newName
					goto leave
				} else if o.depth == s.Marks.level {
					s.Marks.at[q.At[s.Marks.Section]&(maxPlaces-1)] = i + shift + 1
					if q.Opens != 0 && s.Marks.Section == 0 {
						s.Marks.openPlace, s.Marks.Section = q.At[0], q.Opens // its end follows
						s.Marks.level++
					}
				}
				break
			}
		}
	}
	filter |= m
	names[n] = name{h, uint32(start + shift), uint32(k)}
	n++

	// The colon, and the start of the value.
	if byte(w>>8) != ':' {
		if w>>8&0xffff != ' '|':'<<8 {
			i++
			from = afterName
			goto leave
		}
		w >>= 8
		i++
	}
	i += 2
	if c = byte(w >> 16); c == ' ' {
		i++
		c = byte(w >> 24)
	}
	if c != '"' {
		goto value
	}
	i++
	start = i

member:
	// In a string that is a member of an object.
	if i < 0 || i > lim {
		from = inString
		goto leave
	}
	p = (*[reach]byte)(data[i : i+reach])
	k = 0
	if m = special(binary.LittleEndian.Uint64(p[:8])); m == 0 {
		k = 8
		if m = special(binary.LittleEndian.Uint64(p[8:16])); m == 0 {
			k = 16
			if m = special(binary.LittleEndian.Uint64(p[16:24])); m == 0 {
				k = 24
				if m = special(binary.LittleEndian.Uint64(p[24:32])); m == 0 {
					i += 32
					goto member
				}
			}
		}
	}
	k += firstMarked(m)
	w = binary.LittleEndian.Uint64(p[k : k+8])
	i += k
	if byte(w) != '"' {
		// Common escapes, and most characters of two and three bytes.
		if byte(w) == '\\' && simpleEscape[byte(w>>8)] {
			i += 2
		} else if byte(w)-0xc2 < 0xe0-0xc2 && w&0xc000 == 0x8000 {
			i += 2
		} else if byte(w)-0xe1 < 0xed-0xe1 && w&0xc0c000 == 0x808000 {
			i += 3
		} else {
			from = inString
			goto leave
		}
		goto member
	}
	if uint(i-start)-1 >= uint(s.maxString) {
		if from = inString; i == start {
			from = emptyString
		}
		goto leave
	}
	if w>>8&0xffff == ','|'"'<<8 {
		i += 2
		goto name
	}
	c = byte(w >> 8)
	i++

afterMember:
	// A value in an object has ended before data[i], and c is that byte. Skipping
	// indentation here makes indented documents 5% faster than going to space.
	if c == ',' {
		i++
		if from = atName; uint(i) >= uint(len(data)) {
			goto leave
		}
		if c = data[i]; c == '"' {
			goto name
		}
		if c == '\n' && i >= 0 && i < lim {
			i++
			if m = binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks; m == 0 {
				i += 8
				m = binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks
			}
			i += firstMarked(m)
			if c = data[i]; c == '"' {
				goto name
			}
		}
		goto space
	}
	if c == '}' {
		goto popObject
	}
	if c == '\n' && i >= 0 && i < lim {
		i++
		if m = binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks; m == 0 {
			i += 8
			m = binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks
		}
		i += firstMarked(m)
		if c = data[i]; c == '}' {
			goto popObject
		}
	}
	from = afterValue
	goto space

value:
	// A value starts at data[i], and c is its first byte.
	if c == '{' {
		if uint(o.depth) >= uint(len(s.frames)) {
			from = atDepth
			goto leave
		}
		last = &s.frames[o.depth]
		last.filter, last.base, last.flags = filter, uint32(o.base), o.flags
		o.depth++
		filter, o.base, o.flags = 0, n, 0
		start = i
		i++
		if from = atFirstName; uint(i) >= uint(len(data)) {
			goto leave
		}
		if c = data[i]; c == '"' {
			goto name
		}
		goto space
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
			from = atDepth
			goto leave
		}
		last = &s.frames[o.depth]
		last.filter, last.base, last.flags = filter, uint32(o.base), o.flags
		o.depth++
		if o.flags&hasCompanion != 0 && s.counts(n) {
			o.flags = isArray | counting
		} else {
			o.flags = isArray
		}
		start = i
		i++
		if from = atFirstValue; uint(i) >= uint(len(data)) {
			goto leave
		}
		if c = data[i]; c > ' ' && c != ']' {
			goto value
		}
		goto space
	}
	if i < 0 || i > lim {
		from = atValue
		goto leave
	}
	p = (*[reach]byte)(data[i : i+reach])
	if c-'0' < 10 || c == '-' {
		// Digits without a leading zero, and a fraction. oddValue does the others.
		k = 0
		if c == '-' {
			k, c = 1, p[1]
		}
		k++
		if c == '0' {
			if c = p[k]; c-'0' < 10 {
				goto numeral
			}
		} else {
			if c-'1' >= 9 {
				goto numeral
			}
			for c = p[k]; c-'0' < 10; c = p[k] {
				if k++; k > 24 {
					goto numeral
				}
			}
		}
		if c == '.' {
			if k++; p[k]-'0' >= 10 {
				goto numeral
			}
			for c = p[k]; c-'0' < 10; c = p[k] {
				if k++; k > 48 {
					goto numeral
				}
			}
		}
		if c|0x20 == 'e' {
			goto numeral
		}
		i += k
		if o.flags&isArray == 0 {
			goto afterMember
		}
		goto after
	}
	w = binary.LittleEndian.Uint64(p[:8])
	if uint32(w) == 't'|'r'<<8|'u'<<16|'e'<<24 {
		i += 4
		goto after
	}
	if uint32(w) == 'f'|'a'<<8|'l'<<16|'s'<<24 && byte(w>>32) == 'e' {
		i += 5
		goto after
	}
	from = atValue
	goto leave

element:
	// In a string that is an element of an array.
	if i < 0 || i > lim {
		from = inString
		goto leave
	}
	p = (*[reach]byte)(data[i : i+reach])
	if m = special(binary.LittleEndian.Uint64(p[:8])); m == 0 {
		i += 8
		goto element
	}
	k = firstMarked(m)
	i += k
	if p[k] != '"' {
		from = inString
		goto leave
	}
	if uint(i-start)-1 >= uint(s.maxString) {
		if from = inString; i == start {
			from = emptyString
		}
		goto leave
	}
	i++

after:
	// A value has ended before data[i].
	if from = afterValue; uint(i) >= uint(len(data)) {
		goto leave
	}
	if c = data[i]; o.flags&isArray == 0 {
		goto afterMember
	}

afterElement:
	// A value in an array has ended before data[i], and c is that byte.
	if c == ']' {
		goto popArray
	}
	if c != ',' {
		from = afterValue
		goto space
	}
	if o.flags&counting != 0 {
		s.pairs[len(s.pairs)-1].count++
	}
	i++
	if from = atValue; uint(i) >= uint(len(data)) {
		goto leave
	}
	if c = data[i]; c > ' ' {
		goto value
	}

space:
	// Skip white space at data[i], c, and go on as from says.
	if c > ' ' {
		goto leave
	}
	for c <= ' ' {
		if i < 0 || i >= lim || c != '\n' && c != ' ' && c != '\r' && c != '\t' {
			goto leave
		}
		i++
		if m = binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks; m == 0 {
			i += 8
			if m = binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks; m == 0 {
				i += 7
				continue // at a blank
			}
		}
		i += firstMarked(m)
		c = data[i]
	}
	switch from {
	case atName, atFirstName:
		if c == '"' {
			goto name
		}
		goto leave
	case afterValue:
		if o.flags&isArray == 0 {
			goto afterMember
		}
		goto afterElement
	}
	if c != ']' {
		goto value
	}
	goto leave

popObject:
	// The closing brace of the innermost object is data[i].
	if o.flags&hasExtra != 0 || o.depth <= o.close {
		if o.flags&hasExtra != 0 || o.depth < o.close || o.depth == o.outer+1 {
			from = atEnd
			goto leave
		}
		s.Marks.leave(i + shift + 1)
	}
	n = o.base
	goto pop

popArray:
	// The closing bracket of the innermost array is data[i].
	if o.depth <= o.close {
		from = atEnd
		goto leave
	}
pop:
	i++
	o.depth--
	last = &s.frames[o.depth]
	filter = last.filter
	o.base = int(last.base)
	o.flags = last.flags
	goto after

numeral:
	from = atNumber
	goto leave
nameAgain:
	i--
	from = inName
leave:
	o.at, o.filter, o.start = i+shift, filter, start+shift
	s.names = s.names[:n]
	return from
}

// firstMarkedByJump is firstMarked as a switch. The processor predicts its jump when names
// come in a familiar order, and need not wait for mark.
func firstMarkedByJump(mark uint64) int {
	switch firstMarked(mark) {
	case 1:
		return 1
	case 2:
		return 2
	case 3:
		return 3
	case 4:
		return 4
	case 5:
		return 5
	case 6:
		return 6
	case 7:
		return 7
	}
	return 0
}
