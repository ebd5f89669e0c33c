package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{ // type, id, whole, with a query
		"Patient/1":                          "Patient 1 Patient/1",
		"/Patient/1":                         "Patient 1 Patient/1",
		"http://a.b/fhir/Patient/1":          "Patient 1 Patient/1",
		"http://a.b/fhir/Patient/1?x=y":      "Patient 1 Patient/1 ?",
		"Patient?a=http://b/c/d":             "Patient  Patient?a=http://b/c/d ?",
		"http://a.b/Patient?a=b":             "Patient  Patient?a=b ?",
		"/Patient":                           "Patient  Patient",
		"Patient":                            "Patient  Patient",
		"":                                   "bad",
		"/":                                  "",
		"/1":                                 "1  1",
		"http://a.b":                         "",
		"http://a.b/":                        "",
		"Patient/":                           "Patient  Patient/ /",
		"http://a.b/Patient/":                "Patient  Patient/ /",
		"http://a.b/fhir/Patient":            "Patient  Patient",
		"http://a.b/api/FHIR/Patient?a=b":    "Patient  Patient?a=b ?",
		"http://a.b/fhir/Foo":                "fhir Foo fhir/Foo",
		"Patient/Patient":                    "Patient Patient Patient/Patient",
		"Foo/1":                              "Foo 1 Foo/1",
		"Patient/?a=b":                       "Patient  Patient/?a=b / ?",
		"/Patient/?a=b/c":                    "Patient  Patient/?a=b/c / ?",
		"Patient//":                          "",
		"Patient/1/":                         "",
		"Patient/a_b/":                       "",
		"//":                                 "",
		"?a=b":                               "?a=b ?",
		"/?a=b":                              "?a=b ?",
		"Patient/1/_history/2":               "2  2",
		"Patient/1/$everything":              "$everything  $everything",
		"$convert":                           "$convert  $convert",
		"Patient/a_b":                        "a_b  a_b",
		"Patient/" + strings.Repeat("a", 65): strings.Repeat("a", 65) + "  " + strings.Repeat("a", 65),
		"Patient /1":                         "bad",
		"Patient/1\n":                        "bad",
		"Patient?a=%zz":                      "bad",
		"Patient?a=%4":                       "bad",
		"Patient?a=%4A":                      "Patient  Patient?a=%4A ?",
		"Patient?a=b|c":                      "Patient  Patient?a=b|c ?",
		"Patient?a={b}":                      "bad",
		"Patient?a=\u00e9":                   "bad",
		"Patient?a=\x7f":                     "bad",
	} {
		u, ok := parseURL([]byte(text))
		got := string(u.typ) + " " + string(u.id) + " " + string(u.whole)
		if u.slash {
			got += " /"
		}
		if u.query {
			got += " ?"
		}
		if !ok {
			got = "bad"
		}
		assert.Equal(t, want, strings.TrimSpace(got), "%q", text)
	}
}

func TestIsAbsolute(t *testing.T) {
	for text, want := range map[string]bool{
		"http://a.b": true, "urn:uuid:1": true, "a+b-c.1:x": true, "z:x": true, "Z:x": true,
		"": false, ":x": false, "a:": false, "1a:b": false, "{:b": false, "`:b": false, "a/b:c": false, "Patient/1": false, "a b:c": false, "-a:b": false,
	} {
		assert.Equal(t, want, isAbsolute([]byte(text)), "%q", text)
	}
}

func TestIsQuery(t *testing.T) {
	for text, want := range map[string]bool{
		"a=b": true, "a:exact=b": true, "a.b=c&d=e": true, "_id=1": true, "identifier=http://a.b/c?d|1": true,
		"": false, "a": false, "=b": false, "?a=b": false, "Patient?a=b": false, "a/b=c": false, "a=b c": false, "a=%": false,
	} {
		assert.Equal(t, want, isQuery([]byte(text)), "%q", text)
	}
}

func TestRestful(t *testing.T) {
	for text, want := range map[string]string{
		"http://a.b/Patient/1": "Patient 1", "https://a.b/c/Patient/1": "Patient 1", "http://a.b/1": "a.b 1", "http:///1": " 1",
		"httpx://a.b/Patient/1": "", "ftp://a.b/Patient/1": "", "http://a.b/Patient/": "", "http://a.b/Patient/a_b": "", "urn:uuid:1": "", "": "", "http": "", "http://": "",
	} {
		typ, id := restful([]byte(text))
		got := string(typ) + " " + string(id)
		if id == nil {
			got = ""
		}
		assert.Equal(t, want, got, "%q", text)
	}
}
