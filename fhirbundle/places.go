package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// The members of an entry, of its resource and of its request that rules ask for.
const (
	nowhere scan.Place = iota
	fullURL
	resource
	request
	response
	search
	resourceType
	resourceID
	meta
	contained
	method
	requestURL
	ifNoneExist
)

// Sections of an entry. A resource that no Bundle holds is resourceSection by itself.
const (
	entrySection scan.Section = iota
	resourceSection
	requestSection
)

var (
	basicNames = []scan.Member{
		{Text: "fullUrl", At: [...]scan.Place{entrySection: fullURL, requestSection: 0}},
		{Text: "resource", At: [...]scan.Place{entrySection: resource, requestSection: 0}, Opens: resourceSection},
		{Text: "request", At: [...]scan.Place{entrySection: request, requestSection: 0}, Opens: requestSection},
		{Text: "response", At: [...]scan.Place{entrySection: response, requestSection: 0}},
		{Text: "resourceType", At: [...]scan.Place{resourceSection: resourceType, requestSection: 0}},
		{Text: "id", At: [...]scan.Place{resourceSection: resourceID, requestSection: 0}},
		{Text: "method", At: [...]scan.Place{requestSection: method}},
		{Text: "url", At: [...]scan.Place{requestSection: requestURL}},
	}
	// basicTable is for level Basic, and wholeTable for the others.
	basicTable = scan.NewTable(basicNames...)
	wholeTable = scan.NewTable(append([]scan.Member{
		{Text: "search", At: [...]scan.Place{entrySection: search, requestSection: 0}},
		{Text: "meta", At: [...]scan.Place{resourceSection: meta, requestSection: 0}},
		{Text: "contained", At: [...]scan.Place{resourceSection: contained, requestSection: 0}},
		{Text: "ifNoneExist", At: [...]scan.Place{requestSection: ifNoneExist}},
		{Text: "reference", Deep: true},
		{Text: "fhir_comments", Comment: true},
	}, basicNames...)...)
)
