package sniff

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

const (
	good    = `{"resourceType":"Bundle","type":"collection"}`
	single  = `{"resourceType":"Patient","id":"a"}`
	twoGood = single + "\n" + single + "\n"
	oneBad  = single + "\nnot JSON\n" + single + "\n"
)

func TestByName(t *testing.T) {
	for name, want := range map[string]fhirbundle.Format{
		"a.json": fhirbundle.FormatBundle, "A.JSON.GZ": fhirbundle.FormatBundle, "x/a.ndjson": fhirbundle.FormatNDJSON, "a.jsonl": fhirbundle.FormatNDJSON,
		"a.JSONL.gz": fhirbundle.FormatNDJSON, "a.gz": "", "json": "", "a.json.txt": "", "a.json/b": "", "-": "",
	} {
		got, ok := ByName(name)
		require.Equal(t, want, got, name)
		require.Equal(t, want != "", ok, name)
	}
}

func TestOf(t *testing.T) {
	indented := "{\n\"resourceType\": \"Bundle\"\n}\n"
	for content, want := range map[string]fhirbundle.Format{
		"":                         fhirbundle.FormatBundle,
		good:                       fhirbundle.FormatBundle,
		good + "\n":                fhirbundle.FormatBundle,
		indented:                   fhirbundle.FormatBundle,
		indented + indented:        fhirbundle.FormatBundle,
		single + "\nnonsense":      fhirbundle.FormatResource,
		single:                     fhirbundle.FormatResource,
		bom + "\n" + single + "\n": fhirbundle.FormatResource,
		"{\n\"text\": {\"a\": [1, {}]},\n\"resourceType\": \"Patient\"\n}": fhirbundle.FormatResource,
		`{"contained":[` + single + `]}`:                                   fhirbundle.FormatBundle,
		`{"id":"a","resourceType":`:                                        fhirbundle.FormatBundle,
		"nonsense\n" + single:                                              fhirbundle.FormatBundle,
		twoGood:                                                            fhirbundle.FormatNDJSON,
		oneBad:                                                             fhirbundle.FormatNDJSON,
		single + "\nnonsense\n {":                                          fhirbundle.FormatNDJSON,
		single + "\r\n" + single:                                           fhirbundle.FormatNDJSON,
		bom + "\n" + single + "\n\n {":                                     fhirbundle.FormatNDJSON,
		`{"a":1,"a":2}` + "\n" + single:                                    fhirbundle.FormatNDJSON,
		"[1]\n{}":                                                          fhirbundle.FormatBundle,
	} {
		require.Equal(t, want, Of("", []byte(content)).Content, content)
	}
}
