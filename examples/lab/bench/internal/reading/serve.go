package reading

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// request is a line on stdin. Do is one of
//
//   - version: the answer says which version it is that reads;
//   - load: the file at Path has documents of those Sizes, in bytes, one after the
//     other, and is theirs whose Name is given later; it may be removed afterwards;
//   - read: all documents of that Name are read, so many Times.
type request struct {
	Do    string `json:"do"`
	Name  string `json:"name"`
	Path  string `json:"path"`
	Sizes []int  `json:"sizes"`
	Times int    `json:"times"`
}

// answer is a line on stdout, with what was asked for.
type answer struct {
	Version string  `json:"version,omitempty"`
	Seconds float64 `json:"seconds"`
	Refused int     `json:"refused"`
}

// Serve answers requests until there are no more. Any error is the end: whoever
// asks notices that no answer comes.
func Serve(in io.Reader, out io.Writer, version string, accepts func(doc []byte) bool) error {
	loaded := map[string][][]byte{}
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		switch r.Do {
		case "version":
			a.Version = version
		case "load":
			docs, err := load(r.Path, r.Sizes)
			if err != nil {
				return err
			}
			loaded[r.Name] = docs
		case "read":
			docs, ok := loaded[r.Name]
			if !ok {
				return fmt.Errorf("no data is called %q", r.Name)
			}
			took, refused := Time(r.Times, func() int { return Refused(docs, accepts) })
			a.Seconds, a.Refused = took.Seconds(), refused
		default:
			return fmt.Errorf("unknown request %q", r.Do)
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

// load cuts a file into documents of these sizes.
func load(path string, sizes []int) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var docs [][]byte
	for _, n := range sizes {
		if n < 0 || n > len(data) {
			return nil, fmt.Errorf("the sizes are not those of the documents")
		}
		docs = append(docs, data[:n:n])
		data = data[n:]
	}
	return docs, nil
}
