package scan

// number scans the number at data[i], a digit or a minus sign, by the grammar of
// RFC 8259, section 6. It returns the index after it. If the data ends there, the fault
// is More unless final is true and the number is complete.
func number(data []byte, i int, final bool) (int, Fault) {
	if data[i] == '-' {
		i++
		if i >= len(data) {
			return i, More
		}
	}
	switch c := data[i]; {
	case c == '0':
		i++
	case c-'1' < 9:
		i = digits(data, i+1)
	default:
		return i, badNumber
	}
	if i < len(data) && data[i] == '.' {
		j := digits(data, i+1)
		if j >= len(data) && (!final || j == i+1) {
			return j, More
		}
		if j == i+1 {
			return j, badNumber
		}
		i = j
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		j := digits(data, i)
		if j >= len(data) && (!final || j == i) {
			return j, More
		}
		if j == i {
			return j, badNumber
		}
		i = j
	}
	if i >= len(data) && !final {
		return i, More
	}
	return i, OK
}

func digits(data []byte, i int) int {
	for i < len(data) && data[i]-'0' < 10 {
		i++
	}
	return i
}

// literal scans true, false or null at data[i].
func literal(data []byte, i int) (int, Fault) {
	var want string
	switch data[i] {
	case 't':
		want = "true"
	case 'f':
		want = "false"
	case 'n':
		want = "null"
	default:
		return i, FaultAt(data[i], badValue)
	}
	for k := range len(want) {
		if i+k >= len(data) {
			return i + k, More
		}
		if data[i+k] != want[k] {
			return i, badLiteral
		}
	}
	return i + len(want), OK
}
