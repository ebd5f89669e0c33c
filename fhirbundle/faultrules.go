package fhirbundle

// ruleOfFault is the rule that a fault breaks.
func ruleOfFault(f fault) rule {
	switch f {
	case badNUL:
		return jsonNUL
	case badUTF8:
		return jsonUTF8
	case badSurrogate:
		return jsonSurrogate
	case twice:
		return jsonDup
	case tooDeep:
		return jsonDepth
	case longString:
		return jsonString
	case longEntry:
		return jsonEntry
	case manyNames:
		return jsonMembers
	}
	return jsonSyntax
}

// ruleOfKind is the rule that a finding of the scanner is about.
var ruleOfKind = [kindCount]rule{
	misplacedNull: fhirNull,
	emptyArray:    fhirEmptyArray,
	emptyObject:   fhirEmptyObject,
	emptyText:     fhirEmptyString,
	unaligned:     fhirUnaligned,
	noValues:      fhirNoValues,
	bothNull:      fhirBothNull,
	comments:      fhirComments,
}
