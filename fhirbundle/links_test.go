package fhirbundle

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLinks: what a reference in an entry with a fullUrl is replaced by.
func TestLinks(t *testing.T) {
	var l Links
	_, ok := l.Resolve("", []byte(uuid1))
	assert.False(t, ok)
	l.Add(uuid1, Target{Reference: "Patient/1"})
	l.Add("http://a.b/fhir/Patient/p", Target{Reference: "Patient/2", VersionID: "9"})
	l.Add("https://a.b:8080/Patient/p", Target{Reference: "Patient/3"})
	l.Add("", Target{Reference: "Patient/4"})
	l.Add("http://a.b/fhir/Group/g", Target{Reference: "Group/old"})
	l.Add("http://a.b/fhir/Group/g", Target{Reference: "Group/5"})
	const http = "http://a.b/fhir/Observation/o"
	for _, c := range []struct{ from, ref, want string }{
		{"", uuid1, "Patient/1"},
		{uuid2, uuid1, "Patient/1"},
		{uuid2, uuid2, ""},
		{http, uuid1, "Patient/1"},
		{http, uuid1 + "#c", "Patient/1#c"},
		{http, uuid1[:len(uuid1)-1] + "A", ""}, // URIs are compared by case
		{http, "Patient/p", "Patient/2"},
		{http, "Patient/p#c", "Patient/2#c"},
		{http, "Patient/p/_history/1", "Patient/2/_history/9"},
		{http, "http://a.b/fhir/Patient/p/_history/1", "Patient/2/_history/9"},
		{"", "http://a.b/fhir/Patient/p", "Patient/2"},
		{"", "HTTPS://A.b/fhir/Patient/p", "Patient/2"},
		{"", "http://a.b/FHIR/Patient/p", ""},
		{"https://A.b/fhir/Observation/o", "Patient/p", "Patient/2"},
		{"HTTPS://A.b/fhir/Observation/o", "Patient/p", "Patient/2"},
		{http, "http://a.b/fhir/Patient/p?x=y", ""},
		{"https://a.b:8080/Device/d", "Patient/p", "Patient/3"},
		{"https://a.b:8080/Device/d", "Patient/p/_history/1", ""}, // it couldn't stay one to a version
		{http, "Group/g", "Group/5"},
		{http, "Patient/q", ""},
		{http, "patient/p", ""},
		{http, "/Patient/p", ""},
		{http, "Patient/p/x", ""},
		{http, "Patient?identifier=1", ""},
		{http, "#", ""},
		{http, "#p", ""},
		{http, "", ""},
		{"http://c.d/fhir/Observation/o", "Patient/p", ""}, // another server
		{"http://a.b/fhir/Observation/o_1", "Patient/p", ""},
		{"http://a.b/fhir/Observations/o", "Patient/p", ""},
		{"ftp://a.b/fhir/Observation/o", "Patient/p", ""},
		{uuid2, "Patient/p", ""},
		{"", "Patient/p", ""},
	} {
		got, ok := l.Resolve(c.from, []byte(c.ref))
		assert.Equal(t, c.want, got, "%s in %s", c.ref, c.from)
		assert.Equal(t, c.want != "", ok)
	}
	patient := []byte("Patient/p")
	assert.Zero(t, testing.AllocsPerRun(100, func() { l.Resolve(http, patient) }))
}
