package fhirbundle

// Rule is something that this package can find.
type Rule struct {
	// Code is stable and unique; [Issue.Code] holds it.
	Code string
	// Message says what is wrong and what is allowed. An issue may say it more
	// precisely.
	Message string
	// Spec is the address of the section that the rule comes from.
	Spec string
	// Always is whether a finding is an error at every level. Otherwise it is
	// a warning at [Lenient] and, except for json-bom, an error at [Strict].
	Always bool
	// IssueType is the code of FHIR's IssueType that an OperationOutcome gives.
	IssueType string

	mild bool  // a warning at Strict too
	rank uint8 // which finding is shown first, by the order of the six rules
}

// rule is an index into rules.
type rule uint8

const (
	bodyEmpty rule = iota + 1
	jsonSyntax
	jsonUTF8
	jsonDup
	jsonSurrogate
	jsonNUL
	jsonDepth
	jsonString
	jsonEntry
	jsonMembers
	jsonBOM
	bundleResourceType
	bundleType
	bundleNoEntries
	bundleEntryArray
	bundleEntryObject
	entryResource
	entryResourceObject
	ndjsonObject
	fhirResourceType
	fhirNull
	fhirEmptyArray
	fhirEmptyObject
	fhirEmptyString
	fhirID
	bdl3
	txMethod
	txURL
	fuID
	ruleCount
)

const (
	rfc    = "https://www.rfc-editor.org/rfc/rfc8259.html"
	r4     = "http://hl7.org/fhir/R4/"
	ndSpec = "https://github.com/ndjson/ndjson-spec"
)

var rules = [ruleCount]Rule{
	bodyEmpty:     {Code: "body-empty", Message: "Request body is empty", Spec: rfc + "#section-2", Always: true, IssueType: "required", rank: 1},
	jsonSyntax:    {Code: "json-syntax", Message: "Invalid JSON: the syntax of RFC 8259 is broken", Spec: rfc + "#section-2", Always: true, IssueType: "structure", rank: 2},
	jsonUTF8:      {Code: "json-utf8", Message: "Invalid JSON: the text is not valid UTF-8", Spec: rfc + "#section-8.1", Always: true, IssueType: "structure", rank: 2},
	jsonDup:       {Code: "json-dup", Message: "Invalid JSON: a property name occurs twice in one object", Spec: r4 + "json.html", Always: true, IssueType: "structure", rank: 2},
	jsonSurrogate: {Code: "json-surrogate", Message: "Invalid JSON: a string holds half of a surrogate pair", Spec: rfc + "#section-8.2", Always: true, IssueType: "structure", rank: 2},
	jsonNUL:       {Code: "json-nul", Message: "Invalid JSON: a NUL character is not allowed", Spec: r4 + "datatypes.html#string", Always: true, IssueType: "structure", rank: 2},
	jsonDepth:     {Code: "json-depth", Message: "Invalid JSON: objects and arrays are nested too deeply", Spec: rfc + "#section-9", Always: true, IssueType: "too-costly", rank: 2},
	jsonString:    {Code: "json-string-length", Message: "Invalid JSON: a string is longer than the limit", Spec: rfc + "#section-9", Always: true, IssueType: "too-long", rank: 2},
	jsonEntry:     {Code: "json-entry-length", Message: "Invalid JSON: an entry, a line or a member of the Bundle is longer than the limit", Spec: rfc + "#section-9", Always: true, IssueType: "too-long", rank: 2},
	jsonMembers:   {Code: "json-members", Message: "Invalid JSON: objects have more members than the limit", Spec: rfc + "#section-9", Always: true, IssueType: "too-costly", rank: 2},
	jsonBOM:       {Code: "json-bom", Message: "The document starts with a byte order mark, which was skipped", Spec: rfc + "#section-8.1", IssueType: "structure", mild: true},

	bundleResourceType:  {Code: "bundle-resource-type", Message: "Expected resourceType 'Bundle'", Spec: r4 + "bundle.html", Always: true, IssueType: "invalid", rank: 3},
	bundleType:          {Code: "bundle-type", Message: "Unsupported bundle type", Spec: r4 + "bundle-definitions.html#Bundle.type", Always: true, IssueType: "not-supported", rank: 4},
	bundleNoEntries:     {Code: "bundle-no-entries", Message: "Bundle contains no entries", Spec: r4 + "bundle-definitions.html#Bundle.entry", Always: true, IssueType: "required", rank: 5},
	bundleEntryArray:    {Code: "bundle-entry-array", Message: "Bundle.entry is not an array", Spec: r4 + "json.html#repeat", Always: true, IssueType: "structure", rank: 5},
	bundleEntryObject:   {Code: "bundle-entry-object", Message: "An element of Bundle.entry is not an object", Spec: r4 + "bundle-definitions.html#Bundle.entry", Always: true, IssueType: "structure", rank: 6},
	entryResource:       {Code: "entry-resource", Message: "Entry missing 'resource' field", Spec: r4 + "bundle-definitions.html#Bundle.entry.resource", Always: true, IssueType: "required", rank: 6},
	entryResourceObject: {Code: "entry-resource-object", Message: "An entry's 'resource' is not an object", Spec: r4 + "bundle-definitions.html#Bundle.entry.resource", Always: true, IssueType: "structure", rank: 6},
	ndjsonObject:        {Code: "ndjson-object", Message: "The line is not a JSON object; each line holds one resource", Spec: ndSpec, Always: true, IssueType: "structure", rank: 6},

	fhirResourceType: {Code: "fhir-resource-type", Message: "The resource has no resourceType that is the name of a type", Spec: r4 + "json.html#resources", IssueType: "structure", rank: 7},
	fhirNull:         {Code: "fhir-json-null", Message: "null stands where FHIR does not allow it; leave the property out", Spec: r4 + "json.html#null", IssueType: "structure", rank: 7},
	fhirEmptyArray:   {Code: "fhir-json-empty-array", Message: "An array is empty; leave the property out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirEmptyObject:  {Code: "fhir-json-empty-object", Message: "An object is empty; leave the property out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirEmptyString:  {Code: "fhir-json-empty-string", Message: "A string is empty; leave the property out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirID:           {Code: "fhir-id", Message: "The resource's id is not a string of 1 to 64 letters, digits, '-' and '.'", Spec: r4 + "datatypes.html#id", IssueType: "value", rank: 7},
	bdl3:             {Code: "bdl-3", Message: "entry.request must be present in a batch, a transaction and a history, and in no other Bundle", Spec: r4 + "bundle.html#bdl-3", IssueType: "invariant", rank: 7},
	txMethod:         {Code: "tx-method", Message: "entry.request.method is none of GET, HEAD, POST, PUT, DELETE, PATCH", Spec: r4 + "bundle-definitions.html#Bundle.entry.request.method", IssueType: "code-invalid", rank: 7},
	txURL:            {Code: "tx-url", Message: "entry.request.url is missing", Spec: r4 + "bundle-definitions.html#Bundle.entry.request.url", IssueType: "required", rank: 7},
	fuID:             {Code: "fu-id", Message: "fullUrl names another id than the resource has", Spec: r4 + "bundle-definitions.html#Bundle.entry.fullUrl", IssueType: "business-rule", rank: 7},
}

// Rules returns all rules, in the order of their codes' groups: JSON, the six
// rules, FHIR's JSON format, Bundle.
func Rules() []Rule { return append([]Rule(nil), rules[1:]...) }

// Severity of a finding at a level.
func (r Rule) Severity(level Level) Severity {
	if r.Always || level == Strict && !r.mild {
		return Error
	}
	return Warning
}

func ruleOf(code string) (Rule, bool) {
	for _, r := range rules[1:] {
		if r.Code == code {
			return r, true
		}
	}
	return Rule{}, false
}
