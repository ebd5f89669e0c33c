package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// readParameters judges the resources of the parameters in the array that starts at
// data[i], and of their parts. It doesn't recurse, since parts may nest as deep as
// JSON may.
func (r *Reader) readParameters(data []byte, i int) {
	if data[i] != '[' {
		return
	}
	in := &r.inner
	base := len(in.trail)
	in.enter("parameter", 0)
	i = scan.FirstElement(data, i)
	inList := true // or in one of its parameters
	for {
		switch {
		case data[i] == ']':
			in.leave()
			if len(in.trail) == base {
				return
			}
			inList = false
			i = scan.NextElement(data, i+1)
		case data[i] == '}':
			in.trail[len(in.trail)-1].index++
			inList = true
			i = scan.NextElement(data, i+1)
		case inList && data[i] == '{':
			inList = false
			i = scan.SkipSpace(data, i+1)
		case inList:
			in.trail[len(in.trail)-1].index++
			i = scan.NextElement(data, scan.SkipValue(data, i))
		default:
			i, inList = r.readPart(data, i)
		}
	}
}

// readPart goes on with the member of a parameter whose name starts at data[i]. It
// returns where the next one is, or, if it is part, the first element.
func (r *Reader) readPart(data []byte, i int) (next int, inList bool) {
	end, plain := scan.StringEnd(data, i+1)
	name := data[i+1 : end]
	if !plain {
		name = r.plain(name)
	}
	at := scan.ValueAt(data, end+1)
	switch {
	case string(name) == "resource" && data[at] == '{':
		r.inner.enter("resource", -1)
		end = r.readInner(data, at)
		r.inner.leave()
	case string(name) == "part" && data[at] == '[':
		r.inner.enter("part", 0)
		return scan.FirstElement(data, at), true
	default:
		end = scan.SkipValue(data, at)
	}
	return scan.NextElement(data, end), false
}
