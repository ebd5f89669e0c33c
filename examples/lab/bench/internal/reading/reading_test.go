package reading

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTime(t *testing.T) {
	n := 0
	took, refused := Time(3, func() int { n++; return n * 10 })
	assert.Equal(t, 3, n)
	assert.Equal(t, 30, refused, "of the last time alone")
	assert.Positive(t, took)
}

// Documents are cut as they were, and read as often as was asked.
func TestServe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.WriteFile(path, []byte("onebadtwo"), 0o600))
	in := strings.NewReader(fmt.Sprintf(`{"do":"version"}
{"do":"load","name":"d","path":%q,"sizes":[3,3,3]}
{"do":"read","name":"d","times":2,"how":""}
`, path))
	var out bytes.Buffer
	var read []string
	require.NoError(t, Serve(in, &out, "v1.2.3", func(doc []byte) bool {
		read = append(read, string(doc))
		return string(doc) != "bad"
	}))
	assert.Equal(t, []string{"one", "bad", "two", "one", "bad", "two"}, read)
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 4)
	assert.JSONEq(t, `{"version":"v1.2.3","seconds":0,"refused":0}`, lines[0])
	var a answer
	require.NoError(t, json.Unmarshal([]byte(lines[2]), &a))
	assert.Equal(t, 1, a.Refused)
	assert.Positive(t, a.Seconds)
}

// What can't be done has no answer that could pass for a measurement.
func TestServeRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	for _, request := range []string{
		`{"do":"read","name":"d","times":1}`,
		`{"do":"dance"}`,
		`{"do":`,
		fmt.Sprintf(`{"do":"load","name":"d","path":%q,"sizes":[4]}`, path),
		fmt.Sprintf(`{"do":"load","name":"d","path":%q,"sizes":[3]}`, path+"x"),
	} {
		var out bytes.Buffer
		assert.Error(t, Serve(strings.NewReader(request), &out, "", nil), request)
		assert.Empty(t, out.String(), request)
	}
}

func TestJudge(t *testing.T) {
	const docs = `["b25l","dHdv","dGhyZWU="]` // one, two, three
	var out bytes.Buffer
	require.NoError(t, Judge(strings.NewReader(docs), &out, func(doc []byte) (bool, error) { return string(doc) != "two", nil }))
	assert.Equal(t, "!trt", out.String())

	out.Reset()
	gone := errors.New("gone")
	err := Judge(strings.NewReader(docs), &out, func(doc []byte) (bool, error) {
		if string(doc) == "two" {
			return false, gone
		}
		return true, nil
	})
	assert.Equal(t, gone, err)
	assert.Equal(t, "!t", out.String(), "no answer for what was not judged")
}
