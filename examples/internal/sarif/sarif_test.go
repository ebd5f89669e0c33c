package sarif

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// head is the log up to the findings.
	head = `{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{` +
		`"tool":{"driver":{"name":"a tool","informationUri":"https://example.org","rules":[` +
		`{"id":"a","shortDescription":{"text":"no <a>"},"helpUri":"https://example.org/a","defaultConfiguration":{"level":"error"}},` +
		`{"id":"b","shortDescription":{"text":"no b"},"helpUri":"https://example.org/b","defaultConfiguration":{"level":"note"}}` +
		`]}},"columnKind":"unicodeCodePoints","results":[`
	first = "\n" + `{"ruleId":"b","ruleIndex":1,"level":"warning","message":{"text":"no <b>"},"locations":[{"physicalLocation":{` +
		`"artifactLocation":{"uri":"in/%C3%A9.json"},"region":{"startLine":2,"startColumn":3,"endColumn":3,"byteOffset":0}},` +
		`"logicalLocations":[{"fullyQualifiedName":"B.c"}]}]}`
	second = ",\n" + `{"ruleId":"a","ruleIndex":0,"level":"error","message":{"text":"no a"},"locations":[{"physicalLocation":{` +
		`"artifactLocation":{"uri":"b.json"},"region":{"startLine":4}}}]}`
)

func newLog(out *bytes.Buffer) *Writer {
	return NewWriter(out, Tool{Name: "a tool", InformationURI: "https://example.org", Rules: []Rule{
		{"a", Text{"no <a>"}, "https://example.org/a", Configuration{LevelError}},
		{"b", Text{"no b"}, "https://example.org/b", Configuration{LevelNote}},
	}})
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	w := newLog(&out)
	require.NoError(t, w.Write(Finding{Rule: "b", Level: LevelWarning, Message: "no <b>", File: "in/é.json", Line: 2, Column: 3, Path: "B.c"}))
	require.Equal(t, head+first, out.String(), "findings are written as they come")
	w.Notify(LevelNote, "there is more", "b.json")
	require.NoError(t, w.Write(Finding{Rule: "a", Level: LevelError, Message: "no a", File: "b.json", Line: 4, Offset: -1}))
	require.NoError(t, w.Close())
	require.Equal(t, head+first+second+"\n"+`],"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[`+
		`{"level":"note","message":{"text":"there is more"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"b.json"}}}]}]}]}]}`+"\n", out.String())
}

func TestLogOfAFailedRun(t *testing.T) {
	var out bytes.Buffer
	w := newLog(&out)
	w.Notify(LevelError, "no such file", "a.json")
	require.NoError(t, w.Close())
	require.Equal(t, head+"\n"+`],"invocations":[{"executionSuccessful":false,"toolExecutionNotifications":[`+
		`{"level":"error","message":{"text":"no such file"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.json"}}}]}]}]}]}`+"\n", out.String())
}

func TestURI(t *testing.T) {
	t.Chdir(t.TempDir())
	wd, err := os.Getwd()
	require.NoError(t, err)
	for name, want := range map[string]string{
		"a.json": "a.json", "./in//a b.json": "in/a%20b.json", "a:b#c?.json": "./a:b%23c%3F.json", filepath.Join(wd, "in", "a.json"): "in/a.json", "stdin": "stdin",
	} {
		require.Equal(t, want, uriOf(name), name)
	}
	// A name with .. may be outside, even if this one is not.
	require.Equal(t, uriOf("..")+"/"+filepath.Base(wd)+"/a.json", uriOf("../"+filepath.Base(wd)+"/a.json"))
	outside := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(filepath.Dir(wd), "é.json"))}
	require.Equal(t, outside.String(), uriOf("../é.json"))
	require.Equal(t, outside.String(), uriOf(filepath.Join(filepath.Dir(wd), "é.json")))
}
