package fhirbundle

// Report is what was learnt about a payload.
type Report struct {
	// Format as read.
	Format Format
	// BundleType is Bundle.type where it is a type that FHIR defines.
	BundleType string
	// Entries of the Bundle, or lines that are not blank.
	Entries int64
	// Resources that could be handed on, in all and by type. A resource
	// without a resourceType, which a Bundle may hold at level [Lenient], is in
	// Resources alone, and so is one whose type is none of the first 1,000.
	Resources      int64
	ResourceCounts map[string]int64
	// Rejected NDJSON lines; BlankLines that were skipped.
	Rejected   int64
	BlankLines int64
	// Bytes read, a byte order mark included. After io.EOF it is the payload's
	// length (behind the position that was resumed at), so that a caller can
	// tell a payload that was cut from one that is whole.
	Bytes int64
	// Issues in the order in which they were found, at most
	// [Options.MaxIssues]; MoreIssues were found and are not listed. An error
	// is always listed before the list is full of warnings.
	Issues     []Issue
	MoreIssues int64

	first *Issue // the error to show, even where it is not listed
}

// Err is nil if the payload can be taken: if no issue is an error. For NDJSON
// only what concerns the whole file counts, not single lines.
func (r *Report) Err() error {
	if f := r.firstError(); f != nil {
		return &InvalidError{Issues: r.Issues, First: *f}
	}
	return nil
}

func (r *Report) firstError() *Issue {
	if r.first != nil {
		return r.first
	}
	// A report that was stored and read again, or made by hand.
	var found *Issue
	var rank uint8
	for i := range r.Issues {
		is := &r.Issues[i]
		if is.Severity != Error || r.Format == NDJSON && is.Entry != nil {
			continue
		}
		ru, ok := ruleOf(is.Code)
		if !ok {
			ru.rank = ^uint8(0)
		}
		if found == nil || ru.rank < rank {
			found, rank = is, ru.rank
		}
	}
	return found
}
