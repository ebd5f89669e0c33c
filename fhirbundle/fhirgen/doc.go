// Package fhirgen makes synthetic FHIR R4 data for demonstrations, tests and
// benchmarks: Bundles and NDJSON shaped like those of the Synthea patient
// generator, at several hundred megabytes a second.
//
// The same Options and the same sequence of calls give the same bytes, on
// every platform: all randomness comes from the PCG source of math/rand/v2
// and a reduction of this package's own, there is no floating point, no clock
// and no map iteration. A test holds the digests.
//
// # Shape
//
// A patient's data begins with Patient, Organization and Practitioner, and
// goes on encounter by encounter: Encounter, Condition, Observation,
// DiagnosticReport, Procedure, Immunization, MedicationRequest, Claim and
// ExplanationOfBenefit. Some 35% are Observations. An entry is 1 to 3 KB
// before indentation, rarely up to 4.
//
// The JSON has what makes reading FHIR hard: narratives full of escaped quotes
// and line feeds, \u escapes with surrogate pairs among them, raw UTF-8 of
// two, three and four bytes, decimals whose trailing zeros matter, extensions
// inside extensions, contained resources, and primitives with a companion
// (birthDate and _birthDate). It has no null, no empty array and no empty
// object, and every resource has all elements that R4 requires.
//
// In transaction, collection, message and document Bundles every fullUrl is
// "urn:uuid:" and the resource's id, and references are of that form; in batch
// Bundles fullUrls are RESTful and references relative, since a batch's
// entries may not refer to each other by urn:uuid; in NDJSON references are
// relative. Every reference resolves within its Bundle or within the lines of
// its patient.
//
// # Not real
//
// All people, organizations and identifiers are invented, every resource is
// labelled HTEST (test health data), and names carry digits. The codes have
// the form of SNOMED CT, LOINC, RxNorm and CVX codes and the displays are this
// package's own words: they are there for their shape and say nothing about
// medicine.
package fhirgen
