package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

func TestInteractionOf(t *testing.T) {
	for _, c := range []struct {
		method, url string
		want        Interaction
	}{
		{"POST", "Patient", InteractionCreate},
		{"POST", "/Patient", InteractionCreate},
		{"POST", "http://a.example/fhir/Patient", InteractionCreate},
		{"POST", "http://a.example/api/FHIR/Patient", InteractionCreate},
		{"POST", "Patient/Patient", ""},
		{"POST", "Patient/", InteractionCreate},
		{"POST", "http://a.example/fhir/Patient/", InteractionCreate},
		{"POST", "http://a.example/fhir/", InteractionTransaction},
		{"POST", "Patient?_format=json", InteractionCreate},
		{"POST", "Patient?_format=a/$b", InteractionCreate},
		{"PUT", "Patient/1", InteractionUpdate},
		{"PUT", "Patient?identifier=a|b", InteractionUpdate},
		{"PUT", "http://a.example/Patient/1", InteractionUpdate},
		{"PUT", "Patient/$match", ""},
		{"PATCH", "Patient/1", InteractionPatch},
		{"DELETE", "Patient/1", InteractionDelete},
		{"DELETE", "Patient?a=b", InteractionDelete},
		{"GET", "Patient/1/_history", InteractionRead},
		{"GET", "http://a.example/Subscription/1/$status", InteractionRead},
		{"HEAD", "Patient/1", InteractionRead},
		{"POST", "$process-message", InteractionOperation},
		{"POST", "ValueSet/$lookup", InteractionOperation},
		{"POST", "ValueSet/1/$expand", InteractionOperation},
		{"POST", "ValueSet/1/$expand?a=b", InteractionOperation},
		{"POST", "http://a.example/$convert", InteractionOperation},
		{"POST", "_search", InteractionSearch},
		{"POST", "Patient/_search?name=a", InteractionSearch},
		{"POST", "Patient/1/Observation/_search", InteractionSearch},
		{"POST", "", InteractionTransaction},
		{"POST", "/", InteractionTransaction},
		{"POST", "Patient/1", ""},
		{"POST", "Patient/1/_history", ""},
		{"POST", "patients", ""},
		{"POST", "a b", ""},
		{"post", "Patient", ""},
		{"", "Patient", ""},
	} {
		require.Equal(t, c.want, InteractionOf(c.method, c.url), "%s %s", c.method, c.url)
	}
}

func TestConditions(t *testing.T) {
	for request, want := range map[string]Conditions{
		`{"method":"POST","url":"Patient"}`:                                                                    {},
		`{"method":"POST","url":"Patient","ifNoneExist":"identifier=a|b"}`:                                     {IfNoneExist: "identifier=a|b"},
		`{"ifMatch":"W/\"3\"","method":"PUT","url":"Patient/1"}`:                                               {IfMatch: `W/"3"`},
		`{"method":"PUT","url":"Patient/1","\u0069fMatch":"W/\"3\""}`:                                          {IfMatch: `W/"3"`},
		`{"method":"GET","ifNoneMatch": "W/\"4\"" , "ifModifiedSince":"2030-01-02T03:04:05Z","url":"Patient"}`: {IfNoneMatch: `W/"4"`, IfModifiedSince: "2030-01-02T03:04:05Z"},
		`{"method":"POST","url":"Patient","ifNoneExist":7}`:                                                    {},
		`{"method":"POST","url":"Patient","extension":[{"ifMatch":"x"}]}`:                                      {},
		`"POST"`: {},
	} {
		r, err := NewBytesReader([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"request":`+request+`}]}`), nil)
		require.NoError(t, err)
		e, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, want, e.Conditions(), request)
	}
	require.Zero(t, (&Entry{}).Conditions())
}

func TestConditionsOfMostRequestsCostNoAllocation(t *testing.T) {
	e := &Entry{Request: []byte(`{"method":"POST","url":"Patient"}`)}
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = e.Conditions() }))
}
