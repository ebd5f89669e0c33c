package fhirbundle

import "bytes"

// isWord reports whether text is written like the name of a type: [A-Za-z-]{1,40}.
func isWord(text []byte) bool {
	if len(text) == 0 || len(text) > 40 {
		return false
	}
	for _, c := range text {
		if c|0x20-'a' >= 26 && c != '-' {
			return false
		}
	}
	return true
}

// isTypeName says whether text can be the name of a resource type. FHIR's have
// letters only.
func isTypeName(text []byte) bool { return isWord(text) && bytes.IndexByte(text, '-') < 0 }

// isID says whether text is an id as FHIR has them: [A-Za-z0-9\-\.]{1,64}.
func isID(text []byte) bool {
	if len(text) == 0 || len(text) > 64 {
		return false
	}
	bad := byte(0)
	for _, c := range text {
		bad |= notID[c]
	}
	return bad == 0
}

// notID is 1 where a byte has no place in an id. A table, since what an id is
// made of can't be foreseen: branches would be wrong half the time.
var notID = func() (t [256]byte) {
	for c := range t {
		if c := byte(c); c|0x20-'a' >= 26 && c-'0' >= 10 && c != '-' && c != '.' {
			t[c] = 1
		}
	}
	return t
}()

// knownType returns the Bundle type that text is, as FHIR R4, R4B and R5 define
// them, or "".
func knownType(text []byte) string {
	for _, t := range bundleTypes {
		if t == string(text) {
			return t
		}
	}
	return ""
}

// resourceWord returns the resource type that text is, as a shared string,
// [OtherType] where no version of FHIR defines it, and "" where it can't be the name
// of a type.
func resourceWord(text []byte) string {
	if known := resourceTypes[string(text)].name; known != "" || !isWord(text) {
		return known
	}
	return OtherType
}

// bundleWord is resourceWord for a Bundle type.
func bundleWord(text []byte) string {
	if known := knownType(text); known != "" || !isWord(text) {
		return known
	}
	return OtherType
}

// quotable is a word for a message: only names that FHIR defines are quoted, since
// others can be anything.
func quotable(seen seenText, quote string) string {
	switch {
	case seen.word == "":
		return "a value that is not a type name"
	case seen.word == OtherType:
		return "a name that FHIR does not define"
	}
	return quote + seen.word + quote
}

var bundleTypes = [...]string{
	"transaction", "batch", "collection", "message", "document", "history", "searchset",
	"transaction-response", "batch-response", "subscription-notification",
}

// methodOf returns the HTTP method that text is, and what it is as a fact; "" where
// it is none that FHIR has.
func methodOf(text []byte) (string, facts) {
	switch string(text) {
	case "POST":
		return "POST", isPOST
	case "PUT":
		return "PUT", isPUT
	case "PATCH":
		return "PATCH", isPATCH
	case "DELETE":
		return "DELETE", isDELETE
	case "GET":
		return "GET", isRead
	case "HEAD":
		return "HEAD", isRead
	}
	return "", 0
}
