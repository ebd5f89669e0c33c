package fhirbundle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
