package reading

import (
	"encoding/json"
	"io"
)

// What Judge writes for a document, and before the first one.
const (
	Ready   = '!'
	Takes   = 't'
	Refuses = 'r'
)

// Judge reads documents, a JSON array of them in base64, and writes a byte for
// each, as soon as it knows. An error of accepts is one of the process, which must
// not pass for a refusal.
func Judge(in io.Reader, out io.Writer, accepts func(doc []byte) (bool, error)) error {
	var docs [][]byte
	if err := json.NewDecoder(in).Decode(&docs); err != nil {
		return err
	}
	if _, err := out.Write([]byte{Ready}); err != nil {
		return err
	}
	for _, doc := range docs {
		taken, err := accepts(doc)
		if err != nil {
			return err
		}
		a := byte(Refuses)
		if taken {
			a = Takes
		}
		if _, err := out.Write([]byte{a}); err != nil {
			return err
		}
	}
	return nil
}
