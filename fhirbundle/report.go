package fhirbundle

// Report is what was learnt about a payload.
type Report struct {
	// Format as read.
	Format Format
	// BundleType is Bundle.type where it is a type that FHIR defines.
	BundleType string
	// Entries of the Bundle, or lines that are not blank.
	Entries int64
	// Resources that could be handed on, in all and by [Entry.Type]. A resource
	// without a type, which a Bundle may hold at level [LevelLenient], is in Resources
	// alone; those of types that no version of FHIR defines are counted together,
	// as [OtherType].
	Resources      int64
	ResourceCounts map[string]int64
	// Rejected NDJSON lines; BlankLines that were skipped.
	Rejected   int64
	BlankLines int64
	// Bytes read, a byte order mark included. After io.EOF it is the payload's
	// length (after the position that was resumed at), so that a caller can
	// tell a payload that was cut from one that is whole.
	Bytes int64
	// Issues in the order in which they were found, at most
	// [Options.MaxIssues]; MoreIssues were found and are not listed. Errors go
	// before warnings where there is no room, and the one that [Report.Err]
	// shows is always listed.
	Issues     []Issue
	MoreIssues int64
}

// Err is nil if the payload can be taken: if no issue is an error. For NDJSON
// only what concerns the whole file counts, not single lines.
func (r *Report) Err() error {
	if f := r.firstError(); f != nil {
		return &InvalidError{Issues: r.Issues, First: *f}
	}
	return nil
}

// firstError is nil or the error to show. It is found by what a report holds
// in public, so that one that was stored and read again judges as before.
func (r *Report) firstError() *Issue {
	var found *Issue
	var rank uint8
	for i := range r.Issues {
		is := &r.Issues[i]
		if is.Severity != SeverityError || r.Format == FormatNDJSON && is.Entry != nil {
			continue
		}
		ru, ok := ruleOf(is.Code)
		if !ok {
			ru.rank = ^uint8(0)
		}
		if found == nil || before(ru.rank, is, rank, found) {
			found, rank = is, ru.rank
		}
	}
	return found
}

// before says whether an error goes before another one: by rank, and of the
// same rank the one of an earlier entry, since entries may be judged after
// others that stand after them.
func before(rank uint8, is *Issue, otherRank uint8, other *Issue) bool {
	if rank != otherRank || is.Entry == nil || other.Entry == nil {
		return rank < otherRank
	}
	return *is.Entry < *other.Entry
}
