package scan

// What was scanned before can be walked without a check. These functions are for
// the few small objects whose insides a rule asks for; they allocate nothing but
// for names and strings with escapes, which are seldom.

// skipValue returns the index after the value that starts at data[i].
func SkipValue(data []byte, i int) int {
	depth := 0
	for {
		switch data[i] {
		case '"':
			end, _ := StringEnd(data, i+1)
			i = end + 1
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
			continue
		default:
			for i < len(data) && !endsScalar[data[i]] {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// endsScalar are the characters that can follow a number or a literal.
var endsScalar = [256]bool{',': true, '}': true, ']': true, ' ': true, '\n': true, '\r': true, '\t': true, ':': true}

// walkObject calls f with the name, without escapes, and the place of the value of
// each member of the object that starts at data[i], until f returns false. It
// returns the index after the object, or 0 where f did so.
func Members(data []byte, i int, f func(name []byte, at int) bool) int {
	for i = SkipSpace(data, i+1); data[i] != '}'; {
		end, plain := StringEnd(data, i+1)
		name := data[i+1 : end]
		if !plain {
			name = Unescape(nil, name)
		}
		at := ValueAt(data, end+1)
		if !f(name, at) {
			return 0
		}
		i = NextElement(data, SkipValue(data, at))
	}
	return i + 1
}

// walkArray calls f with the place of each element of the array that starts at
// data[i], until f returns false.
func Elements(data []byte, i int, f func(at int) bool) {
	for i = FirstElement(data, i); data[i] != ']'; i = NextElement(data, SkipValue(data, i)) {
		if !f(i) {
			return
		}
	}
}

// firstElement returns where the first element of the array that starts at data[i]
// is, or its closing bracket.
func FirstElement(data []byte, i int) int { return SkipSpace(data, i+1) }

// nextElement returns where the element, or member, after one that ends before
// data[i] is, or the closing bracket.
func NextElement(data []byte, i int) int {
	if i = SkipSpace(data, i); data[i] == ',' {
		i = SkipSpace(data, i+1)
	}
	return i
}

// stringAt returns the text of the string at data[i], without escapes; nil where
// there is another value.
func StringAt(data []byte, i int) []byte {
	if data[i] != '"' {
		return nil
	}
	end, plain := StringEnd(data, i+1)
	if !plain {
		return Unescape(nil, data[i+1:end])
	}
	return data[i+1 : end : end]
}

// valueAt is where the value of a member starts whose name ends before data[i]. It
// is inlined where it is used.
func ValueAt(data []byte, i int) int {
	if data[i] == ':' && data[i+1] > ' ' {
		return i + 1
	}
	return afterColon(data, i)
}

func afterColon(data []byte, i int) int {
	return SkipSpace(data, SkipSpace(data, i)+1)
}
