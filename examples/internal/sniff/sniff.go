// Package sniff guesses the format of a payload from its file's name and its start.
package sniff

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// HeadBytes is the length of the start that Of needs. NDJSON with a longer first line is
// not recognized.
const HeadBytes = 1 << 20

// Guess is what a payload seems to be.
type Guess struct {
	Format  fhirbundle.Format // by name, or else by content
	Content fhirbundle.Format // by content alone
	Foreign string            // what it looks like if it is not JSON; empty if unknown
}

// Of guesses from a file's name and its first HeadBytes, or all if it is shorter. A name
// that ends in .json may be one of a Bundle or of a single resource, so the content decides.
func Of(name string, head []byte) Guess {
	g := Guess{Content: byContent(head), Foreign: foreign(head)}
	named, ok := ByName(name)
	if g.Format = named; !ok || named == fhirbundle.FormatBundle && g.Content == fhirbundle.FormatResource {
		g.Format = g.Content
	}
	return g
}

// ByName returns the format of a file by its name. ok is false if the name does not tell.
func ByName(name string) (f fhirbundle.Format, ok bool) {
	name = strings.TrimSuffix(strings.ToLower(filepath.Base(name)), ".gz")
	switch filepath.Ext(name) {
	case ".json":
		return fhirbundle.FormatBundle, true // or a single resource: see Of
	case ".ndjson", ".jsonl":
		return fhirbundle.FormatNDJSON, true
	}
	return "", false
}

// byContent guesses the format from a payload's start: NDJSON if its first line is a JSON
// object and another line starts one, Resource if the document's resourceType is not
// Bundle, and Bundle otherwise.
func byContent(head []byte) fhirbundle.Format {
	if isLines(head) {
		return fhirbundle.FormatNDJSON
	}
	if typ := rootType(head); typ != "" && typ != "Bundle" {
		return fhirbundle.FormatResource
	}
	return fhirbundle.FormatBundle
}

func isLines(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bom)), " \t\r\n")
	line, rest, ok := bytes.Cut(head, []byte("\n"))
	// The check reports errors in the first line, so use encoding/json, which is lenient.
	if !ok || !bytes.HasPrefix(line, []byte("{")) || !json.Valid(line) {
		return false
	}
	for line := range bytes.Lines(rest) {
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("{")) {
			return true
		}
	}
	return false
}

// rootType returns the resourceType of the document that starts with head, empty if head
// has none or is not JSON up to there.
func rootType(head []byte) string {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(head, []byte(bom))))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for {
		name, err := d.Token()
		if err != nil || name == json.Delim('}') {
			return ""
		}
		if name == "resourceType" {
			value, _ := d.Token()
			typ, _ := value.(string)
			return typ
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return ""
		}
	}
}

const bom = "\xef\xbb\xbf"

// foreign describes a payload that is not JSON, with what to do about it.
func foreign(head []byte) string {
	for _, k := range []struct{ start, what string }{
		{"PK\x03\x04", "a zip archive: unpack it first"},
		{"\x28\xb5\x2f\xfd", "a file compressed with zstd: only gzip is supported"},
		{"BZh", "a file compressed with bzip2: only gzip is supported"},
		{"\xfd7zXZ\x00", "a file compressed with xz: only gzip is supported"},
		{"\xff\xfe", "text in UTF-16: JSON must be in UTF-8"},
		{"\xfe\xff", "text in UTF-16: JSON must be in UTF-8"},
		{"\x00{", "text in UTF-16: JSON must be in UTF-8"},
		{"{\x00", "text in UTF-16: JSON must be in UTF-8"},
		{"\x1f\x8b", "a file compressed twice"},
	} {
		if bytes.HasPrefix(head, []byte(k.start)) {
			return k.what
		}
	}
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return "a tar archive: unpack it first"
	}
	if bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bom)), " \t\r\n"), []byte("<")) {
		return "XML: only FHIR's JSON format is supported"
	}
	return ""
}
