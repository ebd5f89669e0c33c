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

// Number is what the media-type parameter fhirVersion says: "4.0", "4.3" or "5.0".
// It is empty for what is none of the constants.
func (v Version) Number() string {
	switch v {
	case R4:
		return "4.0"
	case R4B:
		return "4.3"
	case R5:
		return "5.0"
	}
	return ""
}

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
	for _, v := range [...]Version{R4, R4B, R5} {
		if v.Number() == number {
			return v, true
		}
	}
	return "", false
}
