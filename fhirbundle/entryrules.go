package fhirbundle

import (
	"math/bits"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// mayBe reports whether the Bundle is, or may turn out to be, of a type in k, as far as
// this reader checks rules that depend on it.
func (r *Reader) mayBe(k typeSet) bool {
	return r.bundle.types&k != 0 || !r.bundle.typ.seen && !r.resumed && r.opts.format == FormatBundle
}

// facts are properties of an entry that rules need which depend on the Bundle's type or
// the version of FHIR.
type facts uint32

const (
	hasResource facts = 1 << iota
	hasRequest
	hasResponse
	hasSearch
	hasFullURL
	hasMethod // any method
	isPOST
	isPUT
	isPATCH
	isDELETE
	isRead // GET or HEAD
	oddURL
	otherType // request.url has another type than the resource
	otherID   // request.url has another id than the resource
	lacksID   // request.url has an id and the resource has none
	oddIfNoneExist
	conditional     // the resource has a conditional reference
	oddQuery        // one of them has an odd query
	refersToURN     // the resource refers to a URN; only used for NDJSON
	sameFullURL     // fullUrl and versionId, or none, are those of an earlier entry
	sameVersion     // and it has a versionId
	sameIdentity    // an earlier entry changes the same resource
	isOutcome       // the resource is an OperationOutcome; only set if this may be a searchset
	severeOutcome   // and has an issue that is fatal or an error
	modeOutcome     // search.mode is outcome
	oddMode         // search.mode is unknown
	oddStatus       // response.status is invalid
	otherETag       // response.etag differs from meta.versionId
	otherLocation   // response.location differs from the resource
	otherOutcome    // response.outcome is not an OperationOutcome
	lacksBody       // a POST or PUT without a resource, unless this is a notification
	oddPatch        // the body of a PATCH can't be a patch
	carriesResource = isPOST | isPUT | isPATCH
	bodyless        = isRead | isDELETE
)

// typeSet is a set of Bundle types.
type typeSet uint16

const (
	typeTransaction typeSet = 1 << iota
	typeBatch
	typeCollection
	typeMessage
	typeDocument
	typeHistory
	typeSearchset
	typeTransactionResponse
	typeBatchResponse
	typeSubscriptionNotification

	typeSetCount = iota

	typesOfRequests  = typeTransaction | typeBatch
	typesOfResponses = typeTransactionResponse | typeBatchResponse
)

// typeSet returns the set of one Bundle type. It is empty if the version of FHIR does
// not have the type.
func (v Version) typeSet(typ string) typeSet {
	for i, t := range bundleTypes {
		if k := typeSet(1) << i; t == typ && (v == R5 || k != typeSubscriptionNotification) {
			return k
		}
	}
	return 0
}

// ruleSet is a set of entryRules.
type ruleSet uint64

// entryRules are the rules of an entry that depend on facts, and the member that their
// findings are about.
var entryRules = [...]struct {
	rule   rule
	member scan.Place
	path   string
}{
	{entryResource, placeNone, ""},
	{bdl2, placeSearch, "search"},
	{bdl3, placeRequest, "request"},
	{bdl3A, placeNone, ""},
	{bdl3B, placeNone, ""},
	{bdl3C, placeNone, ""},
	{bdl3D, placeNone, "response"},
	{bdl4, placeResponse, "response"},
	{bdl7, placeFullURL, "fullUrl"},
	{bdl14, placeMethod, "request.method"},
	{bdl15, placeNone, "fullUrl"},
	{fuMissing, placeNone, "fullUrl"},
	{fuSearchset, placeNone, "fullUrl"},
	{versionTwice, placeMeta, "resource.meta.versionId"},
	{historyBody, placeNone, "resource"},
	{searchMode, placeSearch, "search.mode"},
	{searchOutcome, placeSearch, "search.mode"},
	{searchSeverity, placeResource, "resource"},
	{responseStatus, placeResponse, "response.status"},
	{responseETag, placeResponse, "response.etag"},
	{responseLocation, placeResponse, "response.location"},
	{responseOutcome, placeResponse, "response.outcome"},
	{txURLFormat, placeURL, "request.url"},
	{txURLType, placeURL, "request.url"},
	{txURLID, placeURL, "request.url"},
	{txPutNoID, placeResource, "resource.id"},
	{txBody, placeResource, "resource"},
	{txDuplicate, placeURL, "request"},
	{txIfNoneExist, placeIfNoneExist, "request.ifNoneExist"},
	{txPatchBody, placeResource, "resource"},
	{refConditional, placeResource, "resource"},
	{refQuery, placeResource, "resource"},
}

// violations returns the entryRules that an entry breaks in a Bundle of that type. kind
// is empty if the version of FHIR has no such type.
func (f facts) violations(kind typeSet, v Version) ruleSet {
	var out ruleSet
	broken := func(r rule, is bool) {
		if is {
			out |= ruleBit[r]
		}
	}
	has := func(x facts) bool { return f&x != 0 }
	in := func(k typeSet) bool { return kind&k != 0 }

	broken(entryResource, f.lacksResource(kind))
	if kind == 0 {
		return out
	}
	broken(bdl2, has(hasSearch) && !in(typeSearchset))
	broken(bdl7, has(sameFullURL) && !in(typeHistory))
	if v == R5 {
		body := has(carriesResource) == has(hasResource)
		broken(bdl3A, in(typeDocument|typeMessage|typeSearchset|typeCollection) && (!has(hasResource) || has(hasRequest|hasResponse)))
		broken(bdl3B, in(typeHistory) && (!has(hasRequest) || !has(hasResponse) || !body))
		broken(bdl3C, in(typesOfRequests) && (!has(hasMethod) || !body))
		broken(bdl3D, in(typesOfResponses) && !has(hasResponse))
		broken(bdl14, in(typeHistory) && has(isPATCH))
		broken(bdl15, !in(typesOfRequests|typesOfResponses) && !has(hasFullURL|isPOST))
	} else {
		broken(bdl3, in(typesOfRequests|typeHistory) != has(hasRequest))
		broken(bdl4, in(typesOfResponses|typeHistory) != has(hasResponse))
		identified := has(hasFullURL) || !has(hasResource)
		broken(fuMissing, !identified && (in(typeDocument|typeMessage|typeCollection) || in(typeHistory) && !has(isPOST)))
		broken(fuSearchset, in(typeSearchset) && !identified)
		broken(historyBody, in(typeHistory) && has(lacksBody))
		broken(txBody, in(typesOfRequests) && has(bodyless) && has(hasResource))
	}
	broken(versionTwice, in(typeHistory) && has(sameVersion))
	broken(responseLocation, in(typeHistory) && has(isPOST) && has(otherLocation))
	if in(typesOfResponses | typeHistory) {
		broken(responseStatus, has(oddStatus))
		broken(responseETag, has(otherETag))
		broken(responseOutcome, has(otherOutcome))
	}
	if in(typeSearchset) {
		broken(searchMode, has(oddMode))
		broken(searchOutcome, has(isOutcome) != has(modeOutcome) && !has(oddMode))
		broken(searchSeverity, has(severeOutcome))
	}
	if in(typesOfRequests) {
		broken(txPatchBody, has(oddPatch))
		broken(txURLFormat, has(oddURL))
		broken(txURLType, has(otherType))
		broken(txURLID, has(otherID))
		broken(txPutNoID, has(lacksID))
		broken(txIfNoneExist, has(oddIfNoneExist))
	}
	broken(txDuplicate, in(typeTransaction) && has(sameIdentity))
	broken(refQuery, in(typeTransaction) && has(oddQuery))
	broken(refConditional, !in(typeTransaction) && has(conditional))
	return out
}

// lacksResource reports whether an entry should have a resource and has none, in a
// Bundle of that type.
func (f facts) lacksResource(kind typeSet) bool {
	if f&hasResource != 0 {
		return false
	}
	switch kind {
	case typeTransaction, typeBatch:
		return f&bodyless == 0
	case typeHistory, typeSubscriptionNotification: // bdl-5
		return f&(hasRequest|hasResponse) == 0
	case typeTransactionResponse, typeBatchResponse:
		return f&hasResponse == 0
	}
	return true
}

// ruleBit has the set of one rule.
var ruleBit = func() (sets [ruleCount]ruleSet) {
	for i, t := range entryRules {
		sets[t.rule] = 1 << i
	}
	return sets
}()

// deferredChecks has the findings of entries that were read before the Bundle's type,
// for each type that it may turn out to be: their number, and as many as can be listed.
type deferredChecks struct {
	used  bool
	index [typeSetCount + 1][len(entryRules)]uint16 // by deferredIndex and rule: a number in found, from 1
	found []deferredFinding

	facts      facts // of the previous entry
	violations [typeSetCount + 1]ruleSet
}

type deferredFinding struct {
	count int64
	first []entryPosition
}

type entryPosition struct {
	index, line, offset int64
}

// reset forgets the entries and keeps some memory.
func (l *deferredChecks) reset() {
	if !l.used {
		return
	}
	kept := 0
	for _, f := range l.found {
		kept += cap(f.first) * entryPositionBytes
	}
	if kept > maxKept {
		l.found = nil
	}
	*l = deferredChecks{found: l.found[:0]}
}

const entryPositionBytes = 24 // of an entryPosition

// deferredIndex is the index of a type in the tables of deferredChecks; 0 is no type.
func deferredIndex(k typeSet) int { return bits.Len16(uint16(k)) }

func (r *Reader) deferFacts(f facts, e entryPosition) {
	if r.deferred == nil {
		r.deferred = new(deferredChecks)
	}
	l := r.deferred
	if !l.used || l.facts != f {
		l.used, l.facts = true, f
		l.violations[0] = f.violations(0, r.opts.version)
		for k := typeSet(1); k < 1<<typeSetCount; k <<= 1 {
			l.violations[deferredIndex(k)] = f.violations(k, r.opts.version)
		}
	}
	for k, v := range l.violations {
		for ; v != 0; v &= v - 1 {
			i := bits.TrailingZeros64(uint64(v))
			if r.collected.severity.of[entryRules[i].rule] == SeverityNone {
				continue
			}
			at := &l.index[k][i]
			if *at == 0 {
				*at = l.more()
			}
			found := &l.found[*at-1]
			if found.count++; len(found.first) < r.opts.maxIssues {
				found.first = append(found.first, e)
			}
		}
	}
}

// more returns the number, from 1, of one more element of found, reusing its memory.
func (l *deferredChecks) more() uint16 {
	if n := len(l.found); n < cap(l.found) {
		l.found = l.found[:n+1]
		l.found[n] = deferredFinding{first: l.found[n].first[:0]}
	} else {
		l.found = append(l.found, deferredFinding{})
	}
	return uint16(len(l.found))
}

// checkFacts checks the current entry, now or once the type is known.
func (r *Reader) checkFacts(f facts) {
	const anything = hasResource | hasRequest | hasResponse
	if f&anything == 0 {
		r.entryIssue(bdl5, 0, "", "")
		if r.resumed || !r.bundle.typ.seen {
			// This is wrong in a Bundle of any type.
			r.entryIssue(entryResource, 0, "", missingResource)
			f |= hasResource
		}
	}
	switch {
	case r.resumed: // the entry was checked before
	case !r.bundle.typ.seen:
		r.deferFacts(f, entryPosition{r.entries, r.entry.line, r.entry.Offset})
	default:
		if f != r.checked.facts || !r.checked.ok {
			r.checked.facts, r.checked.verdict, r.checked.ok = f, f.violations(r.bundle.types, r.opts.version), true
		}
		for v := r.checked.verdict; v != 0; v &= v - 1 {
			r.typeIssue(bits.TrailingZeros64(uint64(v)))
		}
	}
}

// typeIssue reports that the current entry breaks entryRules[i].
func (r *Reader) typeIssue(i int) {
	t := &entryRules[i]
	at, message := 0, ""
	switch t.rule {
	case entryResource:
		message = missingResource
	case refConditional:
		at = r.conditionalAt
	case refQuery:
		at = r.oddQueryAt
	default:
		if t.member != placeNone {
			at = max(r.scan.Marks.Value(r.entryData, t.member), 0)
		}
	}
	r.entryIssue(t.rule, at, t.path, message)
}

// checkDeferred reports the findings of entries that were read before the Bundle's type.
func (r *Reader) checkDeferred() {
	if r.deferred == nil || !r.deferred.used {
		return
	}
	for i, at := range r.deferred.index[deferredIndex(r.bundle.types)] {
		if at == 0 {
			continue
		}
		t, found := &entryRules[i], &r.deferred.found[at-1]
		for _, e := range found.first {
			is := Issue{Path: entryPath(e.index, t.path), Entry: &e.index, Line: r.input.LineOf(e.line, e.offset), Offset: e.offset}
			if t.rule == entryResource {
				is.Message = entryMessage(e.index, missingResource)
			}
			r.addIssue(t.rule, is)
		}
		r.collected.more += found.count - int64(len(found.first))
	}
}

const missingResource = "missing 'resource' field"
