package fhirbundle

import "strings"

// maxNesting is how many Bundles and Parameters may be inside one another, the
// outermost counted, for their resources to be judged: each level is read once more.
const maxNesting = 4

// readBundle judges the entry's resource, a Bundle that starts at data[at].
func (r *Reader) readBundle(data []byte, at int) {
	r.inner.begin()
	r.readNested(data, at, at+len(r.entry.Resource))
	r.dropFound(r.inner.bundles)
}

// readNested judges the resource data[at:end], a Bundle, by the rules of Bundles.
func (r *Reader) readNested(data []byte, at, end int) {
	nesting := r.opts.nesting + r.inner.depth + 1
	deep := nesting >= maxNesting
	r.inner.bundles = append(r.inner.bundles, extent{at, end, deep})
	if deep {
		r.tooDeep(at)
		return
	}
	if r.nested == nil {
		o := r.opts
		o.format, o.types, o.needEntries, o.nesting = FormatBundle, nil, false, nesting
		r.nested = newReader(o)
	}
	n := r.nested
	n.opts.nesting = nesting
	n.ResetBytes(data[at:end])
	n.col.outer = &r.col
	n.win.Base = r.win.Offset() + int64(at)
	n.win.Lines = r.win.LineAt(r.win.Pos + at)
	for {
		if _, err := n.Next(); err != nil {
			break
		}
	}
	if len(n.col.errors)+len(n.col.warnings) > 0 {
		r.takeIssues(n)
	}
	r.col.more += n.col.more
	r.entry.failed = r.entry.failed || n.col.failed
	r.col.failed = r.col.failed || n.col.failed
}

// takeIssues takes over the issues of a Bundle inside the entry.
func (r *Reader) takeIssues(n *Reader) {
	path := r.inner.path("")
	if r.opts.format != FormatBundle {
		path = linePath(path)
	} else {
		path = entryPath(r.entries, path)
	}
	index := r.entries
	for _, is := range n.col.issues() {
		ru := ruleIndex(is.Code)
		if r.col.full(ru, is.Severity) {
			r.col.more++
			r.entry.failed = r.entry.failed || is.Severity == SeverityError
			continue
		}
		is.Path = path + strings.TrimPrefix(is.Path, "Bundle")
		is.Entry = &index
		r.issues = append(r.issues, is)
		r.col.add(ru, is)
	}
}

// dropFound forgets what the scanner found in Bundles inside the entry's resource:
// it has been found again.
func (r *Reader) dropFound(bundles []extent) {
	kept := r.scan.Findings[:0]
	for _, f := range r.scan.Findings {
		for len(bundles) > 0 && f.At >= bundles[0].end {
			bundles = bundles[1:]
		}
		if len(bundles) == 0 || f.At < bundles[0].at || bundles[0].unread {
			kept = append(kept, f)
		}
	}
	if len(kept) < len(r.scan.Findings) {
		r.scan.Lost = 0 // there was no room for more of them
	}
	r.scan.Findings = kept
}
