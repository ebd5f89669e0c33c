package fhirbundle

// readRequest fills in the request, which starts at data[at], and judges it.
func (r *Reader) readRequest(data []byte, at int) (f facts) {
	e, m := &r.entry, &r.scan.Marks
	if data[at] == '{' {
		end := m.End(request)
		e.Request = data[at:end:end]
		f |= r.readMethod(data, at)
		e.URL = r.readURLText(data)
	} else {
		r.entryIssue(txMethod, at, "request.method", "")
	}
	if r.opts.basic {
		return f
	}
	if len(e.URL) == 0 {
		r.entryIssue(txURL, at, "request.url", "")
		return f
	}
	if m.Has(ifNoneExist) && e.Request != nil {
		if at := m.Value(data, ifNoneExist); !isQuery(r.plainAt(data, at)) {
			f |= oddIfNoneExist
		}
	}
	return f | r.readURL(f)
}

func (r *Reader) readMethod(data []byte, at int) (f facts) {
	e := &r.entry
	text, methodAt := r.text(data, method, 2)
	if len(text) > 0 {
		f = hasMethod
	}
	var is facts
	if e.Method, is = methodOf(text); is == 0 {
		e.Method = string(text)
		r.entryIssue(txMethod, max(methodAt, at), "request.method", "")
	}
	return f | is
}

// readURLText returns the URL of the request. That of a POST is usually the type of
// the resource, which takes a comparison and no search for the end.
func (r *Reader) readURLText(data []byte) []byte {
	typ := r.typeText
	if at := r.scan.Marks.Value(data, requestURL); at >= 0 && typ != nil {
		end := at + 1 + len(typ)
		if end < len(data) && data[end] == '"' && data[at] == '"' && string(data[at+1:end]) == string(typ) {
			return data[at+1 : end : end]
		}
	}
	text, _ := r.text(data, requestURL, 2)
	return text
}

// readURL judges the URL of a request with the given method, and compares it with
// the resource. The body of a PATCH is the change, not the resource
// (http://hl7.org/fhir/R4/http.html#patch), so nothing is compared with it.
func (r *Reader) readURL(method facts) (f facts) {
	e := &r.entry
	u, ok := identity{typ: e.URL, whole: e.URL}, true
	if string(e.URL) != string(r.typeText) { // what a POST usually says
		u, ok = parseURL(e.URL)
	}
	named := len(u.typ) > 0 && (string(u.typ) == string(r.typeText) || r.opts.version.hasType(u.typ))
	switch {
	case !ok:
		return oddURL
	case method&(isPUT|isPATCH|isDELETE) != 0:
		if !named || u.id == nil && !u.query {
			return oddURL
		}
		if r.identify(u) {
			f |= sameIdentity
		}
	case method&isPOST != 0:
		if isOperation(u) {
			return 0
		}
		if !named || u.id != nil {
			return oddURL
		}
	}
	if e.Resource == nil || method&(isPOST|isPUT) == 0 {
		return f
	}
	if r.typeText != nil && string(u.typ) != string(r.typeText) {
		f |= otherType
	}
	if method&isPUT != 0 && u.id != nil {
		if e.ID == nil {
			f |= lacksID
		} else if string(u.id) != string(e.ID) {
			f |= otherID
		}
	}
	return f
}

// isOperation reports whether the URL of a POST is an operation, a search, or the server's
// root.
func isOperation(u identity) bool {
	return u.id == nil && (len(u.typ) == 0 || u.typ[0] == '$' || string(u.typ) == "_search")
}

// identify records the identity of a resource that the entry changes, and reports
// whether an earlier entry of the transaction changes it too. What a POST creates
// has no identity before the server gives it one: its fullUrl is the resource's id
// at the source and is ignored (http://hl7.org/fhir/R4/http.html#trules).
func (r *Reader) identify(u identity) bool {
	if r.resumed || r.bundle.typ.seen && r.bundle.in != transaction {
		return false
	}
	if u.slash { // Type/?query is Type?query
		r.scratch = append(append(r.scratch[:0], u.typ...), u.whole[len(u.typ)+1:]...)
		u.whole = r.scratch
	}
	return r.index.changes(u.whole)
}
