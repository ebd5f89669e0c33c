package fhirbundle

// A fault is why a scan stopped. The zero fault is none.
type fault uint8

const (
	fine fault = iota
	// more says that the data ended inside a value.
	more
	badEnd
	badValue
	badName
	badColon
	badObject
	badArray
	badNumber
	badLiteral
	badEscape
	badControl
	badTail
	badComment
	badNUL
	badUTF8
	badSurrogate
	twice
	tooDeep
	longString
	longEntry
	manyNames
	isGzip
	isZip
	isXML
	isUTF16
	faultCount
)

// text says what is wrong.
func (f fault) text() string { return faultTexts[f] }

var faultTexts = [...]string{
	fine:         "",
	more:         "the document ends too early",
	badEnd:       "the document ends too early",
	badValue:     "a value was expected",
	badName:      "a property name in double quotes was expected",
	badColon:     "a colon was expected after the property name",
	badObject:    "a comma or a closing brace was expected",
	badArray:     "a comma or a closing bracket was expected",
	badNumber:    "a number is not written as JSON wants it",
	badLiteral:   "a literal is none of true, false and null",
	badEscape:    "a string holds an escape that JSON does not know",
	badControl:   "a string holds a control character that is not escaped",
	badTail:      "something follows the end of the document",
	badComment:   "JSON has no comments",
	badNUL:       "a NUL character is not allowed",
	badUTF8:      "the text is not valid UTF-8",
	badSurrogate: "a string holds half of a surrogate pair",
	twice:        "a property name occurs twice in one object",
	tooDeep:      "objects and arrays are nested too deeply",
	longString:   "a string is longer than the limit",
	longEntry:    "an entry, a line or a member of the Bundle is longer than the limit",
	manyNames:    "objects have more members than the limit",
	isGzip:       "the payload is gzip, not JSON; send it uncompressed",
	isZip:        "the payload is a zip archive, not JSON; send the files in it",
	isXML:        "the payload is XML or HTML, not JSON; send FHIR's JSON format",
	isUTF16:      "the payload is UTF-16 or UTF-32; send JSON in UTF-8",
}
