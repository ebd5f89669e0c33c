package fhirbundle

import (
	"mime"
	"strings"
)

// Version is a version of FHIR. What this package checks differs between them in
// the rules of Bundles and in the resource types that there are.
type Version string

const (
	R4  Version = "R4"  // 4.0; the default
	R4B Version = "R4B" // 4.3
	R5  Version = "R5"  // 5.0
)

// VersionOf returns the version that a media type names in its parameter
// fhirVersion, as in application/fhir+json; fhirVersion=4.0
// (http://hl7.org/fhir/R4/http.html#version-parameter). ok is false where there
// is no such parameter, where it names a version that this package does not
// know, or where the media type can't be parsed.
func VersionOf(mediaType string) (v Version, ok bool) {
	_, params, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return "", false
	}
	number := params["fhirversion"]
	if parts := strings.SplitN(number, ".", 3); len(parts) > 2 {
		number = parts[0] + "." + parts[1] // 4.0.1 is a correction of 4.0
	}
	switch number {
	case "4.0":
		return R4, true
	case "4.3":
		return R4B, true
	case "5.0":
		return R5, true
	}
	return "", false
}
