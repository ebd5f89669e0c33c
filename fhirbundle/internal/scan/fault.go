package scan

// Fault says why a scan failed.
type Fault uint8

const (
	OK Fault = iota
	// More means that the data ended inside a value.
	More
	BadEnd
	badValue
	BadName
	BadColon
	BadObject
	BadArray
	badNumber
	badLiteral
	badEscape
	badControl
	BadTail
	badComment
	BadNUL
	BadUTF8
	BadSurrogate
	Twice
	TooDeep
	LongString
	LongEntry
	ManyNames
	IsGzip
	IsZip
	IsXML
	IsUTF16
	Faults
)

// Text says what is wrong, for messages.
func (f Fault) Text() string { return faultTexts[f] }

var faultTexts = [...]string{
	OK:           "",
	More:         "the document ends too early",
	BadEnd:       "the document ends too early",
	badValue:     "a value was expected",
	BadName:      "a property name in double quotes was expected",
	BadColon:     "a colon was expected after the property name",
	BadObject:    "a comma or a closing brace was expected",
	BadArray:     "a comma or a closing bracket was expected",
	badNumber:    "a number is not written as JSON wants it",
	badLiteral:   "a literal is none of true, false and null",
	badEscape:    "a string holds an escape that JSON does not know",
	badControl:   "a string holds a control character that is not escaped",
	BadTail:      "something follows the end of the document",
	badComment:   "JSON has no comments",
	BadNUL:       "a NUL character is not allowed",
	BadUTF8:      "the text is not valid UTF-8",
	BadSurrogate: "a string holds half of a surrogate pair",
	Twice:        "a property name occurs twice in one object",
	TooDeep:      "objects and arrays are nested too deeply",
	LongString:   "a string is longer than the limit",
	LongEntry:    "an entry, a line or a member of the Bundle is longer than the limit",
	ManyNames:    "objects have more members than the limit",
	IsGzip:       "the payload is gzip, not JSON; send it uncompressed",
	IsZip:        "the payload is a zip archive, not JSON; send the files in it",
	IsXML:        "the payload is XML or HTML, not JSON; send FHIR's JSON format",
	IsUTF16:      "the payload is UTF-16 or UTF-32; send JSON in UTF-8",
}

// FaultAt returns the fault for an unexpected byte: f, unless the byte is a NUL or
// starts a comment.
func FaultAt(c byte, f Fault) Fault {
	switch c {
	case 0:
		return BadNUL
	case '/':
		return badComment
	}
	return f
}
