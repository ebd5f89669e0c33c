package scan

// These functions walk through values that were scanned before. They check nothing, and
// allocate only for names and strings with escapes, which are rare.

// SkipValue returns the index after the value that starts at data[i].
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

// Members calls f for each member of the object that starts at data[i], until f returns
// false, with the unescaped name and the position of the value. It returns the index
// after the object, or 0 if f returned false.
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

// Elements calls f with the position of each element of the array that starts at
// data[i], until f returns false.
func Elements(data []byte, i int, f func(at int) bool) {
	for i = FirstElement(data, i); data[i] != ']'; i = NextElement(data, SkipValue(data, i)) {
		if !f(i) {
			return
		}
	}
}

// FirstElement returns the position of the first element of the array that starts at
// data[i], or of its closing bracket.
func FirstElement(data []byte, i int) int { return SkipSpace(data, i+1) }

// NextElement returns the position of the element or member after one that ends before
// data[i], or of the closing bracket or brace.
func NextElement(data []byte, i int) int {
	if i = SkipSpace(data, i); data[i] == ',' {
		i = SkipSpace(data, i+1)
	}
	return i
}

// StringAt returns the unescaped text of the string at data[i], or nil if the value is
// not a string.
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

// ValueAt returns the position of the value of a member whose name ends before data[i].
// It is small enough to be inlined.
func ValueAt(data []byte, i int) int {
	if data[i] == ':' && data[i+1] > ' ' {
		return i + 1
	}
	return afterColon(data, i)
}

func afterColon(data []byte, i int) int {
	return SkipSpace(data, SkipSpace(data, i)+1)
}
