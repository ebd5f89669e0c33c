package fhirbundle

// Rule is a rule that this package checks.
type Rule struct {
	// Code is stable and unique; [Issue.Code] holds it.
	Code string
	// Message says what is wrong, and what is allowed. An issue may be more precise.
	Message string
	// Spec is the URL of the section that the rule comes from.
	Spec string
	// Always means that a finding is an error at every level. Otherwise it is a warning
	// at [LevelLenient] and, unless the rule is Mild, an error at [LevelStrict].
	Always bool
	// Mild means that a finding is a warning at [LevelStrict] too.
	Mild bool
	// Fixed means that [Options.Severities] can't change the severity: nothing can be read
	// after a violation.
	Fixed bool
	// IssueType is the code that an OperationOutcome has for it.
	IssueType string

	rank uint8 // the error of the lowest rank is shown first
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
	ndjsonLines
	fhirResourceType
	fhirUnknownType
	fhirNull
	fhirEmptyArray
	fhirEmptyObject
	fhirEmptyString
	fhirUnaligned
	fhirNoValues
	fhirBothNull
	fhirComments
	fhirID
	fhirUUID
	fhirUUIDCase
	fhirOID
	bdl1
	bdl2
	bdl3
	bdl3A
	bdl3B
	bdl3C
	bdl3D
	bdl4
	bdl5
	bdl7
	bdl8
	bdl9
	bdl10
	bdl11
	bdl12
	bdl13
	bdl14
	bdl15
	bdl16
	bdl17
	bdl18
	fuAbs
	fuID
	fuType
	fuMissing
	fuSearchset
	versionTwice
	historyBody
	searchMode
	searchOutcome
	searchSeverity
	linkTwice
	responseStatus
	responseETag
	responseLocation
	responseOutcome
	txMethod
	txURL
	txURLFormat
	txURLType
	txURLID
	txPutNoID
	txBody
	txDuplicate
	txIfNoneExist
	txPatchBody
	refURN
	refConditional
	refQuery
	refBatch
	refDocument
	refMessage
	refFocus
	ref1
	dom2
	dom3
	dom4
	dom5
	containedTwice
	lineTwice
	notChecked
	ruleCount
)

const (
	rfc    = "https://www.rfc-editor.org/rfc/rfc8259.html"
	r4     = "http://hl7.org/fhir/R4/"
	r5     = "http://hl7.org/fhir/R5/"
	ndSpec = "https://github.com/ndjson/ndjson-spec"
	docs   = "https://pkg.go.dev/github.com/fhirdock/fhirdock/fhirbundle#Options"
)

var rules = [ruleCount]Rule{
	bodyEmpty:     {Code: "body-empty", Message: "Request body is empty", Spec: rfc + "#section-2", Always: true, Fixed: true, IssueType: "required", rank: 1},
	jsonSyntax:    {Code: "json-syntax", Message: "Invalid JSON: the syntax of RFC 8259 is broken", Spec: rfc + "#section-2", Always: true, Fixed: true, IssueType: "structure", rank: 2},
	jsonUTF8:      {Code: "json-utf8", Message: "Invalid JSON: the text is not valid UTF-8", Spec: rfc + "#section-8.1", Always: true, Fixed: true, IssueType: "structure", rank: 2},
	jsonDup:       {Code: "json-dup", Message: "Invalid JSON: a property name occurs twice in one object", Spec: r4 + "json.html", Always: true, Fixed: true, IssueType: "structure", rank: 2},
	jsonSurrogate: {Code: "json-surrogate", Message: "Invalid JSON: a string holds half of a surrogate pair", Spec: rfc + "#section-8.2", Always: true, Fixed: true, IssueType: "structure", rank: 2},
	jsonNUL:       {Code: "json-nul", Message: "Invalid JSON: a NUL character is not allowed", Spec: r4 + "datatypes.html#string", Always: true, Fixed: true, IssueType: "structure", rank: 2},
	jsonDepth:     {Code: "json-depth", Message: "Invalid JSON: objects and arrays are nested too deeply", Spec: rfc + "#section-9", Always: true, Fixed: true, IssueType: "too-costly", rank: 2},
	jsonString:    {Code: "json-string-length", Message: "Invalid JSON: a string is longer than the limit", Spec: rfc + "#section-9", Always: true, Fixed: true, IssueType: "too-long", rank: 2},
	jsonEntry:     {Code: "json-entry-length", Message: "Invalid JSON: an entry, a line or a member of the Bundle is longer than the limit", Spec: rfc + "#section-9", Always: true, Fixed: true, IssueType: "too-long", rank: 2},
	jsonMembers:   {Code: "json-members", Message: "Invalid JSON: objects have more members than the limit", Spec: rfc + "#section-9", Always: true, Fixed: true, IssueType: "too-costly", rank: 2},
	jsonBOM:       {Code: "json-bom", Message: "The document starts with a byte order mark, which was skipped", Spec: rfc + "#section-8.1", Mild: true, IssueType: "structure"},

	bundleResourceType:  {Code: "bundle-resource-type", Message: "Expected resourceType 'Bundle'", Spec: r4 + "bundle.html", Always: true, IssueType: "invalid", rank: 3},
	bundleType:          {Code: "bundle-type", Message: "Unsupported bundle type", Spec: r4 + "bundle-definitions.html#Bundle.type", Always: true, IssueType: "not-supported", rank: 4},
	bundleNoEntries:     {Code: "bundle-no-entries", Message: "Bundle contains no entries", Spec: r4 + "bundle-definitions.html#Bundle.entry", Always: true, IssueType: "required", rank: 5},
	bundleEntryArray:    {Code: "bundle-entry-array", Message: "Bundle.entry is not an array", Spec: r4 + "json.html#repeat", Always: true, IssueType: "structure", rank: 5},
	bundleEntryObject:   {Code: "bundle-entry-object", Message: "An element of Bundle.entry is not an object", Spec: r4 + "bundle-definitions.html#Bundle.entry", Always: true, IssueType: "structure", rank: 6},
	entryResource:       {Code: "entry-resource", Message: "Entry missing 'resource' field", Spec: r4 + "bundle-definitions.html#Bundle.entry.resource", Always: true, IssueType: "required", rank: 6},
	entryResourceObject: {Code: "entry-resource-object", Message: "An entry's 'resource' is not an object", Spec: r4 + "bundle-definitions.html#Bundle.entry.resource", Always: true, IssueType: "structure", rank: 6},
	ndjsonObject:        {Code: "ndjson-object", Message: "The line is not a JSON object; each line holds one resource", Spec: ndSpec, Always: true, Fixed: true, IssueType: "structure", rank: 6},
	ndjsonLines:         {Code: "ndjson-lines", Message: "This looks like one JSON document over several lines, not NDJSON, which has a whole resource on each line; write each resource on one line, or send the document as a Bundle", Spec: ndSpec, Always: true, Fixed: true, IssueType: "structure", rank: 2},

	fhirResourceType: {Code: "fhir-resource-type", Message: "The resource has no resourceType that is the name of a type", Spec: r4 + "json.html#resources", IssueType: "structure", rank: 7},
	fhirUnknownType:  {Code: "fhir-unknown-type", Message: "The version of FHIR has no resource type of this name", Spec: r4 + "resourcelist.html", IssueType: "not-supported", rank: 7},
	fhirNull:         {Code: "fhir-json-null", Message: "null stands where FHIR does not allow it; leave the property out", Spec: r4 + "json.html#null", IssueType: "structure", rank: 7},
	fhirEmptyArray:   {Code: "fhir-json-empty-array", Message: "An array is empty; leave the property out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirEmptyObject:  {Code: "fhir-json-empty-object", Message: "An object is empty; leave the property out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirEmptyString:  {Code: "fhir-json-empty-string", Message: "A string is empty; leave the property out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirUnaligned:    {Code: "fhir-json-array-length", Message: "A property and its companion with an underscore must both be arrays of the same length, or neither; fill up with null", Spec: r4 + "json.html#primitive", IssueType: "structure", rank: 7},
	fhirNoValues:     {Code: "fhir-json-no-values", Message: "An array whose name starts with an underscore has no array of values beside it; add one, with null for each missing value", Spec: r4 + "json.html#primitive", Mild: true, IssueType: "structure", rank: 7},
	fhirBothNull:     {Code: "fhir-json-both-null", Message: "A property and its companion with an underscore have null at the same index; leave out what has neither a value nor extensions", Spec: r4 + "element.html#ele-1", IssueType: "structure", rank: 7},
	fhirComments:     {Code: "fhir-json-comments", Message: "The property fhir_comments is no longer part of FHIR; leave it out", Spec: r4 + "json.html", IssueType: "structure", rank: 7},
	fhirID:           {Code: "fhir-id", Message: "The id is not a string of 1 to 64 letters, digits, '-' and '.'", Spec: r4 + "datatypes.html#id", IssueType: "value", rank: 7},
	fhirUUID:         {Code: "fhir-uuid", Message: "urn:uuid: is not followed by a UUID: hexadecimal digits, 8-4-4-4-12", Spec: r4 + "datatypes.html#uuid", IssueType: "value", rank: 7},
	fhirUUIDCase:     {Code: "fhir-uuid-case", Message: "A UUID has upper-case letters; FHIR compares URIs by case, so write it in lower case", Spec: r4 + "datatypes.html#uri", Mild: true, IssueType: "value", rank: 7},
	fhirOID:          {Code: "fhir-oid", Message: "urn:oid: is not followed by an OID: numbers without leading zeros, with dots between them", Spec: r4 + "datatypes.html#oid", IssueType: "value", rank: 7},

	bdl1:           {Code: "bdl-1", Message: "total must be absent unless the Bundle is a searchset or a history", Spec: r4 + "bundle.html#bdl-1", IssueType: "invariant", rank: 7},
	bdl2:           {Code: "bdl-2", Message: "entry.search must be absent unless the Bundle is a searchset", Spec: r4 + "bundle.html#bdl-2", IssueType: "invariant", rank: 7},
	bdl3:           {Code: "bdl-3", Message: "entry.request must be present in a batch, a transaction and a history, and in no other Bundle", Spec: r4 + "bundle.html#bdl-3", IssueType: "invariant", rank: 7},
	bdl3A:          {Code: "bdl-3a", Message: "Entries of a document, a message, a searchset and a collection must have a resource, and neither request nor response", Spec: r5 + "bundle.html#bdl-3a", IssueType: "invariant", rank: 7},
	bdl3B:          {Code: "bdl-3b", Message: "Entries of a history must have a request and a response, and a resource if and only if the method is POST, PUT or PATCH", Spec: r5 + "bundle.html#bdl-3b", IssueType: "invariant", rank: 7},
	bdl3C:          {Code: "bdl-3c", Message: "Entries of a transaction and a batch must have a request with a method, and a resource if and only if it is POST, PUT or PATCH", Spec: r5 + "bundle.html#bdl-3c", IssueType: "invariant", rank: 7},
	bdl3D:          {Code: "bdl-3d", Message: "Entries of a transaction-response and a batch-response must have a response", Spec: r5 + "bundle.html#bdl-3d", IssueType: "invariant", rank: 7},
	bdl4:           {Code: "bdl-4", Message: "entry.response must be present in a batch-response, a transaction-response and a history, and in no other Bundle", Spec: r4 + "bundle.html#bdl-4", IssueType: "invariant", rank: 7},
	bdl5:           {Code: "bdl-5", Message: "An entry must have a resource, a request or a response", Spec: r4 + "bundle.html#bdl-5", IssueType: "invariant", rank: 7},
	bdl7:           {Code: "bdl-7", Message: "Entries with the same fullUrl must differ in meta.versionId, save in a history", Spec: r4 + "bundle.html#bdl-7", IssueType: "invariant", rank: 7},
	bdl8:           {Code: "bdl-8", Message: "fullUrl must not be specific to a version: /_history/ is not allowed", Spec: r4 + "bundle.html#bdl-8", IssueType: "invariant", rank: 7},
	bdl9:           {Code: "bdl-9", Message: "A document must have an identifier with a system and a value", Spec: r4 + "bundle.html#bdl-9", IssueType: "invariant", rank: 7},
	bdl10:          {Code: "bdl-10", Message: "A document must have a timestamp", Spec: r4 + "bundle.html#bdl-10", IssueType: "invariant", rank: 7},
	bdl11:          {Code: "bdl-11", Message: "The first resource of a document must be a Composition", Spec: r4 + "bundle.html#bdl-11", IssueType: "invariant", rank: 7},
	bdl12:          {Code: "bdl-12", Message: "The first resource of a message must be a MessageHeader", Spec: r4 + "bundle.html#bdl-12", IssueType: "invariant", rank: 7},
	bdl13:          {Code: "bdl-13", Message: "The first resource of a subscription-notification must be a SubscriptionStatus", Spec: r5 + "bundle.html#bdl-13", IssueType: "invariant", rank: 7},
	bdl14:          {Code: "bdl-14", Message: "The method PATCH is not allowed in a history", Spec: r5 + "bundle.html#bdl-14", IssueType: "invariant", rank: 7},
	bdl15:          {Code: "bdl-15", Message: "fullUrl must be present, save in a transaction, a batch, their responses, and for the method POST", Spec: r5 + "bundle.html#bdl-15", IssueType: "invariant", rank: 7},
	bdl16:          {Code: "bdl-16", Message: "Issues in Bundle.issues must be of severity information or warning", Spec: r5 + "bundle.html#bdl-16", IssueType: "invariant", rank: 7},
	bdl17:          {Code: "bdl-17", Message: "A document must not have issues", Spec: r5 + "bundle.html#bdl-17", IssueType: "invariant", rank: 7},
	bdl18:          {Code: "bdl-18", Message: "A searchset must have a link with the relation self and a url", Spec: r5 + "bundle.html#bdl-18", IssueType: "invariant", rank: 7},
	fuAbs:          {Code: "fu-abs", Message: "fullUrl is not an absolute URI", Spec: r4 + "bundle-definitions.html#Bundle.entry.fullUrl", IssueType: "value", rank: 7},
	fuID:           {Code: "fu-id", Message: "fullUrl names another id than the resource has", Spec: r4 + "bundle-definitions.html#Bundle.entry.fullUrl", IssueType: "business-rule", rank: 7},
	fuType:         {Code: "fu-type", Message: "fullUrl names another type than the resource has", Spec: r4 + "bundle-definitions.html#Bundle.entry.fullUrl", IssueType: "business-rule", rank: 7},
	fuMissing:      {Code: "fu-missing", Message: "fullUrl must be present in a document, a message, a collection and, save for the method POST, a history", Spec: r4 + "bundle.html#bundle-unique", IssueType: "required", rank: 7},
	fuSearchset:    {Code: "fu-missing-searchset", Message: "fullUrl must be present in a searchset, save for resources without an identity that an operation returns", Spec: r4 + "bundle-definitions.html#Bundle.entry.fullUrl", Mild: true, IssueType: "required", rank: 7},
	versionTwice:   {Code: "version-twice", Message: "A version of a resource must not occur twice in a history", Spec: r4 + "bundle.html#bundle-unique", IssueType: "duplicate", rank: 7},
	historyBody:    {Code: "history-body", Message: "An entry of a history must have a resource if its method is POST or PUT", Spec: r4 + "http.html#history", IssueType: "required", rank: 7},
	searchMode:     {Code: "search-mode", Message: "entry.search.mode is none of match, include, outcome", Spec: r4 + "bundle-definitions.html#Bundle.entry.search.mode", IssueType: "code-invalid", rank: 7},
	searchOutcome:  {Code: "search-outcome", Message: "In a searchset an OperationOutcome must have the search.mode outcome, and no other resource may have it", Spec: r4 + "http.html#search", IssueType: "business-rule", rank: 7},
	searchSeverity: {Code: "search-severity", Message: "An OperationOutcome in a searchset must not have an issue of severity fatal or error", Spec: r4 + "http.html#search", IssueType: "business-rule", rank: 7},
	linkTwice:      {Code: "link-twice", Message: "A searchset or a history has two links with the same relation: self, first, previous, next or last", Spec: r4 + "http.html#paging", Mild: true, IssueType: "duplicate", rank: 7},

	responseStatus:   {Code: "response-status", Message: "entry.response.status must start with the three digits of an HTTP status", Spec: r4 + "bundle-definitions.html#Bundle.entry.response.status", IssueType: "value", rank: 7},
	responseETag:     {Code: "response-etag", Message: "entry.response.etag must agree with the resource's meta.versionId", Spec: r4 + "bundle-definitions.html#Bundle.entry.response.etag", IssueType: "business-rule", rank: 7},
	responseLocation: {Code: "response-location", Message: "In a history entry.response.location must have the type and the id of the resource that was created", Spec: r4 + "http.html#other-bundles", IssueType: "business-rule", rank: 7},
	responseOutcome:  {Code: "response-outcome", Message: "entry.response.outcome must be an OperationOutcome", Spec: r4 + "bundle-definitions.html#Bundle.entry.response.outcome", IssueType: "structure", rank: 7},

	txMethod:       {Code: "tx-method", Message: "entry.request.method is none of GET, HEAD, POST, PUT, DELETE, PATCH", Spec: r4 + "bundle-definitions.html#Bundle.entry.request.method", IssueType: "code-invalid", rank: 7},
	txURL:          {Code: "tx-url", Message: "entry.request.url is missing", Spec: r4 + "bundle-definitions.html#Bundle.entry.request.url", IssueType: "required", rank: 7},
	txURLFormat:    {Code: "tx-url-format", Message: "entry.request.url is not what the method takes: Type/id or Type?query for PUT, PATCH and DELETE, Type or an operation for POST, a URL for GET and HEAD", Spec: r4 + "bundle-definitions.html#Bundle.entry.request.url", IssueType: "value", rank: 7},
	txURLType:      {Code: "tx-url-type", Message: "entry.request.url names another type than the resource has", Spec: r4 + "http.html#update", IssueType: "business-rule", rank: 7},
	txURLID:        {Code: "tx-url-id", Message: "entry.request.url names another id than the resource has", Spec: r4 + "http.html#update", IssueType: "business-rule", rank: 7},
	txPutNoID:      {Code: "tx-put-no-id", Message: "A resource that is put at Type/id must have that id", Spec: r4 + "http.html#update", IssueType: "required", rank: 7},
	txBody:         {Code: "tx-body", Message: "An entry whose method is GET, HEAD or DELETE must not have a resource", Spec: r4 + "http.html#trules", IssueType: "business-rule", rank: 7},
	txDuplicate:    {Code: "tx-duplicate-identity", Message: "A transaction changes the same resource twice", Spec: r4 + "http.html#trules", IssueType: "duplicate", rank: 7},
	txIfNoneExist:  {Code: "tx-if-none-exist", Message: "entry.request.ifNoneExist is not just a query, as what follows the '?' of a search", Spec: r4 + "bundle-definitions.html#Bundle.entry.request.ifNoneExist", IssueType: "value", rank: 7},
	txPatchBody:    {Code: "tx-patch-body", Message: "The resource of an entry whose method is PATCH must be a Parameters with a FHIRPath Patch, or a Binary with a JSON Patch or an XML Patch", Spec: r4 + "http.html#patch", IssueType: "business-rule", rank: 7},
	refURN:         {Code: "ref-urn", Message: "A reference is to a urn:uuid or urn:oid that is the fullUrl of no entry; lines of NDJSON have no fullUrl", Spec: r4 + "bundle.html#references", Mild: true, IssueType: "not-found", rank: 7},
	refConditional: {Code: "ref-conditional", Message: "A conditional reference, Type?query, is allowed in a transaction only", Spec: r4 + "http.html#trules", IssueType: "business-rule", rank: 7},
	refQuery:       {Code: "ref-conditional-query", Message: "A conditional reference must be the name of a resource type, a question mark and parameters that filter; those that control what is returned, such as _count, _sort and _include, are not allowed", Spec: r4 + "http.html#trules", Mild: true, IssueType: "value", rank: 7},
	refBatch:       {Code: "ref-batch", Message: "In a batch a reference must not be to a resource that another entry creates; use a transaction", Spec: r4 + "http.html#brules", IssueType: "business-rule", rank: 7},
	refDocument:    {Code: "ref-document", Message: "The document's Composition refers to what is not in the document: what subject, encounter, author, attester.party, custodian, event.detail and a section's author, focus and entry refer to must be the fullUrl of an entry, in the version that the reference names", Spec: r4 + "documents.html#content", IssueType: "not-found", rank: 7},
	refMessage:     {Code: "ref-message", Message: "MessageHeader.response.details must refer to an entry of the message", Spec: r4 + "messageheader-definitions.html#MessageHeader.response.details", IssueType: "not-found", rank: 7},
	refFocus:       {Code: "ref-focus", Message: "MessageHeader.focus refers to no entry of the message; what it refers to is always included", Spec: r4 + "messageheader-definitions.html#MessageHeader.focus", Mild: true, IssueType: "not-found", rank: 7},
	ref1:           {Code: "ref-1", Message: "A reference is to a contained resource that the resource does not contain", Spec: r4 + "references.html#contained", IssueType: "not-found", rank: 7},
	dom2:           {Code: "dom-2", Message: "A contained resource must not contain others", Spec: r4 + "domainresource.html#dom-2", IssueType: "invariant", rank: 7},
	dom3:           {Code: "dom-3", Message: "A contained resource must be referred to from elsewhere in the resource, by its id, or refer to the resource, by '#'", Spec: r4 + "domainresource.html#dom-3", IssueType: "invariant", rank: 7},
	dom4:           {Code: "dom-4", Message: "A contained resource must have neither meta.versionId nor meta.lastUpdated", Spec: r4 + "domainresource.html#dom-4", IssueType: "invariant", rank: 7},
	dom5:           {Code: "dom-5", Message: "A contained resource must not have a security label", Spec: r4 + "domainresource.html#dom-5", IssueType: "invariant", rank: 7},
	containedTwice: {Code: "contained-id-twice", Message: "Two contained resources have the same id, so that a reference to it is ambiguous", Spec: r4 + "references.html#contained", IssueType: "duplicate", rank: 7},
	lineTwice:      {Code: "ndjson-duplicate", Message: "The resource has the same type, id and version as that on an earlier line", Spec: r4 + "resource.html#id", Mild: true, IssueType: "duplicate", rank: 7},
	notChecked:     {Code: "not-checked", Message: "There was no room to compare all entries", Spec: docs, Mild: true, IssueType: "incomplete", rank: 7},
}

// Rules returns all rules: of JSON, of the front door, of FHIR's JSON format, and of
// Bundles. The slice is the caller's.
func Rules() []Rule { return append([]Rule(nil), rules[1:]...) }

// Severity returns the severity of a finding at a level.
func (r Rule) Severity(level Level) Severity {
	switch {
	case r.Always || level == LevelStrict && !r.Mild:
		return SeverityError
	case level == LevelBasic:
		return SeverityNone
	}
	return SeverityWarning
}

func ruleOf(code string) (Rule, bool) {
	i := ruleIndex(code)
	return rules[i], i > 0
}

// ruleIndex is 0 for a code that no rule has.
func ruleIndex(code string) rule {
	for i := rule(1); i < ruleCount; i++ {
		if rules[i].Code == code {
			return i
		}
	}
	return 0
}
