package fhirbundle

// The members of an entry, of its resource and of its request that rules ask for.
const (
	nowhere place = iota
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
	entrySection section = iota
	resourceSection
	requestSection
)

var (
	basicNames = []askedName{
		{text: "fullUrl", at: [...]place{entrySection: fullURL, requestSection: 0}},
		{text: "resource", at: [...]place{entrySection: resource, requestSection: 0}, opens: resourceSection},
		{text: "request", at: [...]place{entrySection: request, requestSection: 0}, opens: requestSection},
		{text: "response", at: [...]place{entrySection: response, requestSection: 0}},
		{text: "resourceType", at: [...]place{resourceSection: resourceType, requestSection: 0}},
		{text: "id", at: [...]place{resourceSection: resourceID, requestSection: 0}},
		{text: "method", at: [...]place{requestSection: method}},
		{text: "url", at: [...]place{requestSection: requestURL}},
	}
	// basicTable is for level Basic, and wholeTable for the others.
	basicTable = newNameTable(basicNames...)
	wholeTable = newNameTable(append([]askedName{
		{text: "search", at: [...]place{entrySection: search, requestSection: 0}},
		{text: "meta", at: [...]place{resourceSection: meta, requestSection: 0}},
		{text: "contained", at: [...]place{resourceSection: contained, requestSection: 0}},
		{text: "ifNoneExist", at: [...]place{requestSection: ifNoneExist}},
		{text: "reference", deep: true},
		{text: "fhir_comments", comment: true},
	}, basicNames...)...)
)
