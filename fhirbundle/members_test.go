package fhirbundle

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBundleNamesTwice: a name that the Bundle has twice is found, known or not, and
// however it is written.
func TestBundleNamesTwice(t *testing.T) {
	for _, name := range []string{
		"type", `t\u0079pe`, "resourceType", "entry", `\u0065ntry`, "id", "identifier", "timestamp", "total",
		"link", "issues", "other", `oth\u0065r`, "",
	} {
		doc := `{"resourceType":"Bundle","id":"1","type":"batch","identifier":{"a":1},"timestamp":"x","total":1,` +
			`"link":[1],"issues":{"a":1},"other":1,"":1,"entry":[` + post(patient) + `],"` + name + `":1}`
		var invalid *InvalidError
		require.ErrorAs(t, must(ValidateBytes([]byte(doc), nil)).Err(), &invalid, name)
		assert.Equal(t, "json-dup", invalid.First.Code, name)
		assert.Equal(t, int64(strings.LastIndex(doc, `"`+name+`":1}`)), invalid.First.Offset, name)
	}
}

// TestResumedEntryTwice: a reader that goes on after an entry knows that there was
// a member entry.
func TestResumedEntryTwice(t *testing.T) {
	r := must(ResumeReader(strings.NewReader(`],"entry":[]}`), Position{Offset: 9, Entries: 1}, nil))
	_, err := r.Next()
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, int64(11), invalid.First.Offset)
	r = must(ResumeReader(strings.NewReader(`],"entries":[]}`), Position{Offset: 9, Entries: 1}, nil))
	_, err = r.Next()
	assert.Equal(t, io.EOF, err)
}
