package fhirbundle_test

import (
	"fmt"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// A transaction creates an Observation and the Patient that it is about. Once both have
// ids, the reference between them is to the new one.
func ExampleAppendResolved() {
	entries := []struct{ fullURL, resource, created string }{
		{
			"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059",
			`{"resourceType":"Patient","name":[{"family":"Doe"}]}`,
			"Patient/123",
		},
		{
			"urn:uuid:c72aa430-2ddc-456e-7a09-dea8264671d8",
			`{"resourceType":"Observation", "subject":{"reference":"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"}, "valueQuantity":{"value":1.50}}`,
			"Observation/456",
		},
	}
	var links fhirbundle.Links
	for _, e := range entries {
		links.Add(e.fullURL, fhirbundle.Target{Reference: e.created})
	}
	var out []byte
	for _, e := range entries {
		out = fhirbundle.AppendResolved(out[:0], []byte(e.resource), func(ref []byte) (string, bool) {
			return links.Resolve(e.fullURL, ref)
		})
		fmt.Printf("%s\n", out)
	}
	// Output:
	// {"resourceType":"Patient","name":[{"family":"Doe"}]}
	// {"resourceType":"Observation", "subject":{"reference":"Patient/123"}, "valueQuantity":{"value":1.50}}
}

// A relative reference is to an entry of the server that the fullUrl names.
func ExampleLinks() {
	var links fhirbundle.Links
	links.Add("https://a.example/fhir/Patient/7", fhirbundle.Target{Reference: "Patient/123", VersionID: "1"})

	for _, ref := range []string{"Patient/7", "Patient/7/_history/3", "Patient/8", "https://b.example/fhir/Patient/7"} {
		to, _ := links.Resolve("https://a.example/fhir/Observation/9", []byte(ref))
		fmt.Printf("%s: %q\n", ref, to)
	}
	// Output:
	// Patient/7: "Patient/123"
	// Patient/7/_history/3: "Patient/123/_history/1"
	// Patient/8: ""
	// https://b.example/fhir/Patient/7: ""
}
