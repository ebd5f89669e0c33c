package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// facts are what was seen of an entry, as far as rules go that depend on the
// Bundle's type or on the version of FHIR.
type facts uint32

const (
	hasResource facts = 1 << iota
	hasRequest
	hasResponse
	hasSearch
	hasFullURL
	hasMethod // one that FHIR knows, or another
	isPOST
	isPUT
	isPATCH
	isDELETE
	isRead // GET or HEAD
	oddURL
	otherType       // request.url names it
	otherID         // likewise
	lacksID         // which request.url says the resource has
	oddIfNoneExist  //
	conditional     // a reference in the resource
	oddQuery        // in a conditional reference
	refersToURN     // a reference in the resource; only needed for NDJSON
	sameFullURL     // and versionId, or none, as an earlier entry
	sameVersion     // likewise, with a versionId
	sameIdentity    // as what an earlier entry changes
	isOutcome       // the resource is an OperationOutcome; only set where a searchset is possible
	severeOutcome   // with an issue that is fatal or an error
	modeOutcome     // search.mode says so
	oddMode         // search.mode is none that FHIR knows
	oddStatus       // of the response
	otherETag       // than meta.versionId
	otherLocation   // than the resource's
	otherOutcome    // than an OperationOutcome, in the response
	lacksBody       // which a POST or a PUT has, unless this is a notification
	oddPatch        // the body of a PATCH can't be a patch
	carriesResource = isPOST | isPUT | isPATCH
	bodyless        = isRead | isDELETE
)

// kinds is a set of Bundle types.
type kinds uint16

const (
	transaction kinds = 1 << iota
	batch
	collection
	message
	document
	history
	searchset
	transactionResponse
	batchResponse
	subscriptionNotification

	bundleKinds = iota

	requests  = transaction | batch
	responses = transactionResponse | batchResponse
)

// kind is the set of one that a Bundle type is; empty where the version of FHIR
// does not have it.
func (v Version) kind(typ string) kinds {
	for i, t := range bundleTypes {
		if k := kinds(1) << i; t == typ && (v == R5 || k != subscriptionNotification) {
			return k
		}
	}
	return 0
}

// verdict is a set of the rules in typeRules.
type verdict uint64

// typeRules are the rules of an entry that depend on facts, and the member that
// their findings are about.
var typeRules = [...]struct {
	rule   rule
	member scan.Place
	path   string
}{
	{entryResource, nowhere, ""},
	{bdl2, search, "search"},
	{bdl3, request, "request"},
	{bdl3A, nowhere, ""},
	{bdl3B, nowhere, ""},
	{bdl3C, nowhere, ""},
	{bdl3D, nowhere, "response"},
	{bdl4, response, "response"},
	{bdl7, fullURL, "fullUrl"},
	{bdl14, method, "request.method"},
	{bdl15, nowhere, "fullUrl"},
	{fuMissing, nowhere, "fullUrl"},
	{fuSearchset, nowhere, "fullUrl"},
	{versionTwice, meta, "resource.meta.versionId"},
	{historyBody, nowhere, "resource"},
	{searchMode, search, "search.mode"},
	{searchOutcome, search, "search.mode"},
	{searchSeverity, resource, "resource"},
	{responseStatus, response, "response.status"},
	{responseETag, response, "response.etag"},
	{responseLocation, response, "response.location"},
	{responseOutcome, response, "response.outcome"},
	{txURLFormat, requestURL, "request.url"},
	{txURLType, requestURL, "request.url"},
	{txURLID, requestURL, "request.url"},
	{txPutNoID, resource, "resource.id"},
	{txBody, resource, "resource"},
	{txDuplicate, requestURL, "request"},
	{txIfNoneExist, ifNoneExist, "request.ifNoneExist"},
	{txPatchBody, resource, "resource"},
	{refConditional, resource, "resource"},
	{refQuery, resource, "resource"},
}

// judge says which of typeRules an entry breaks in a Bundle of that type; kind is
// empty where it is not one that the version of FHIR has.
func (f facts) judge(kind kinds, v Version) verdict {
	var out verdict
	broken := func(r rule, is bool) {
		if is {
			out |= verdictOf[r]
		}
	}
	has := func(x facts) bool { return f&x != 0 }
	in := func(k kinds) bool { return kind&k != 0 }

	broken(entryResource, f.lacksResource(kind))
	if kind == 0 {
		return out
	}
	broken(bdl2, has(hasSearch) && !in(searchset))
	broken(bdl7, has(sameFullURL) && !in(history))
	if v == R5 {
		body := has(carriesResource) == has(hasResource)
		broken(bdl3A, in(document|message|searchset|collection) && (!has(hasResource) || has(hasRequest|hasResponse)))
		broken(bdl3B, in(history) && (!has(hasRequest) || !has(hasResponse) || !body))
		broken(bdl3C, in(requests) && (!has(hasMethod) || !body))
		broken(bdl3D, in(responses) && !has(hasResponse))
		broken(bdl14, in(history) && has(isPATCH))
		broken(bdl15, !in(requests|responses) && !has(hasFullURL|isPOST))
	} else {
		broken(bdl3, in(requests|history) != has(hasRequest))
		broken(bdl4, in(responses|history) != has(hasResponse))
		identified := has(hasFullURL) || !has(hasResource)
		broken(fuMissing, !identified && (in(document|message|collection) || in(history) && !has(isPOST)))
		broken(fuSearchset, in(searchset) && !identified)
		broken(historyBody, in(history) && has(lacksBody))
		broken(txBody, in(requests) && has(bodyless) && has(hasResource))
	}
	broken(versionTwice, in(history) && has(sameVersion))
	broken(responseLocation, in(history) && has(isPOST) && has(otherLocation))
	if in(responses | history) {
		broken(responseStatus, has(oddStatus))
		broken(responseETag, has(otherETag))
		broken(responseOutcome, has(otherOutcome))
	}
	if in(searchset) {
		broken(searchMode, has(oddMode))
		broken(searchOutcome, has(isOutcome) != has(modeOutcome) && !has(oddMode))
		broken(searchSeverity, has(severeOutcome))
	}
	if in(requests) {
		broken(txPatchBody, has(oddPatch))
		broken(txURLFormat, has(oddURL))
		broken(txURLType, has(otherType))
		broken(txURLID, has(otherID))
		broken(txPutNoID, has(lacksID))
		broken(txIfNoneExist, has(oddIfNoneExist))
	}
	broken(txDuplicate, in(transaction) && has(sameIdentity))
	broken(refQuery, in(transaction) && has(oddQuery))
	broken(refConditional, !in(transaction) && has(conditional))
	return out
}

// lacksResource says whether an entry, in a Bundle of this type, should have a
// resource and has none.
func (f facts) lacksResource(kind kinds) bool {
	if f&hasResource != 0 {
		return false
	}
	switch kind {
	case transaction, batch:
		return f&bodyless == 0
	case history, subscriptionNotification: // bdl-5
		return f&(hasRequest|hasResponse) == 0
	case transactionResponse, batchResponse:
		return f&hasResponse == 0
	}
	return true
}

// verdictOf is the set of one that a rule is.
var verdictOf = func() (sets [ruleCount]verdict) {
	for i, t := range typeRules {
		sets[t.rule] = 1 << i
	}
	return sets
}()
