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
)

// faults says which rule each fault breaks, and how.
var faults = [...]struct {
	rule rule
	text string
}{
	fine:         {0, ""},
	more:         {jsonSyntax, "the document ends too early"},
	badEnd:       {jsonSyntax, "the document ends too early"},
	badValue:     {jsonSyntax, "a value was expected"},
	badName:      {jsonSyntax, "a property name in double quotes was expected"},
	badColon:     {jsonSyntax, "a colon was expected after the property name"},
	badObject:    {jsonSyntax, "a comma or a closing brace was expected"},
	badArray:     {jsonSyntax, "a comma or a closing bracket was expected"},
	badNumber:    {jsonSyntax, "a number is not written as JSON wants it"},
	badLiteral:   {jsonSyntax, "a literal is none of true, false and null"},
	badEscape:    {jsonSyntax, "a string holds an escape that JSON does not know"},
	badControl:   {jsonSyntax, "a string holds a control character that is not escaped"},
	badTail:      {jsonSyntax, "something follows the end of the document"},
	badComment:   {jsonSyntax, "JSON has no comments"},
	badNUL:       {jsonNUL, "a NUL character is not allowed"},
	badUTF8:      {jsonUTF8, "the text is not valid UTF-8"},
	badSurrogate: {jsonSurrogate, "a string holds half of a surrogate pair"},
	twice:        {jsonDup, "a property name occurs twice in one object"},
	tooDeep:      {jsonDepth, "objects and arrays are nested too deeply"},
	longString:   {jsonString, "a string is longer than the limit"},
	longEntry:    {jsonEntry, "an entry, a line or a member of the Bundle is longer than the limit"},
	manyNames:    {jsonMembers, "objects have more members than the limit"},
	isGzip:       {jsonSyntax, "the payload is gzip, not JSON; send it uncompressed"},
	isZip:        {jsonSyntax, "the payload is a zip archive, not JSON; send the files in it"},
	isXML:        {jsonSyntax, "the payload is XML or HTML, not JSON; send FHIR's JSON format"},
	isUTF16:      {jsonSyntax, "the payload is UTF-16 or UTF-32; send JSON in UTF-8"},
}
