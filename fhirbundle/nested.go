package fhirbundle

import "strings"

// maxNesting is how many Bundles may lie inside one another, the outermost
// counted, for the rules of each to be judged: a Bundle that is a resource is
// scanned once more.
const maxNesting = 4

// readNested judges the entry's resource, a Bundle, by the rules of Bundles. It is
// false where that was not done.
func (r *Reader) readNested() bool {
	if r.opts.nesting+1 >= maxNesting {
		r.entryIssue(notChecked, int(r.entry.ResourceOffset-r.win.offset()), "resource",
			"holds a Bundle inside Bundles, at a depth at which it is not judged as one")
		return false
	}
	if r.nested == nil {
		o := r.opts
		o.format, o.types, o.nesting = Bundle, nil, o.nesting+1
		r.nested = newReader(o)
	}
	n := r.nested
	n.ResetBytes(r.entry.Resource)
	n.win.base = r.entry.ResourceOffset
	n.win.lines = r.win.lineAt(int(r.entry.ResourceOffset - r.win.base))
	for {
		if _, err := n.Next(); err != nil {
			break
		}
	}
	// What the scanner found in the resource has been found again.
	from := int(r.entry.ResourceOffset - r.win.offset())
	kept := r.scan.found[:0]
	for _, f := range r.scan.found {
		if f.at < from || f.at >= from+len(r.entry.Resource) {
			kept = append(kept, f)
		}
	}
	if len(kept) < len(r.scan.found) {
		r.scan.lost = 0 // there was no room for more of them
	}
	r.scan.found = kept
	path := "Resource"
	if r.opts.format == Bundle {
		path = entryPath(r.entries, "resource")
	}
	index := r.entries
	for _, is := range n.col.issues() {
		is.Path = path + strings.TrimPrefix(is.Path, "Bundle")
		is.Entry = &index
		r.issues = append(r.issues, is)
		r.col.add(ruleIndex(is.Code), is)
	}
	r.col.more += n.col.more
	return true
}
