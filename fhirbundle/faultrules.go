package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// ruleOfFault is the rule that a fault breaks.
func ruleOfFault(f scan.Fault) rule {
	switch f {
	case scan.BadNUL:
		return jsonNUL
	case scan.BadUTF8:
		return jsonUTF8
	case scan.BadSurrogate:
		return jsonSurrogate
	case scan.Twice:
		return jsonDup
	case scan.TooDeep:
		return jsonDepth
	case scan.LongString:
		return jsonString
	case scan.LongEntry:
		return jsonEntry
	case scan.ManyNames:
		return jsonMembers
	}
	return jsonSyntax
}

// ruleOfKind is the rule that a finding of the scanner is about.
var ruleOfKind = [scan.Kinds]rule{
	scan.MisplacedNull: fhirNull,
	scan.EmptyArray:    fhirEmptyArray,
	scan.EmptyObject:   fhirEmptyObject,
	scan.EmptyText:     fhirEmptyString,
	scan.Unaligned:     fhirUnaligned,
	scan.NoValues:      fhirNoValues,
	scan.BothNull:      fhirBothNull,
	scan.Comments:      fhirComments,
}
