package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// severities has the severity of findings by rule.
type severities struct {
	of   [ruleCount]Severity
	scan scan.Weights // the same for what the scanner finds
}

// setWeights sets scan.
func (s *severities) setWeights() {
	for k, ru := range ruleOfKind {
		switch s.of[ru] {
		case SeverityNone:
			s.scan[k] = scan.Ignored
		case SeverityError:
			s.scan[k] = scan.Grave
		default:
			s.scan[k] = scan.Noted
		}
	}
}

// common has the severities of readers without Options.Severities, by level.
var common = func() (all [3][3]*severities) {
	for i, level := range [...]Level{LevelLenient, LevelStrict, LevelBasic} {
		for k := range all[i] {
			all[i][k] = newSeverities(level, readerKind(k))
		}
	}
	return all
}()

// readerKind is what a reader reads.
type readerKind uint8

const (
	readsBundle readerKind = iota
	readsLines
	readsNested // a Bundle inside a resource, to which the front door's rules don't apply
)

func newSeverities(level Level, a readerKind) *severities {
	s := new(severities)
	for i, r := range rules {
		s.of[i] = r.Severity(level)
		if a == readsNested && r.Always && !r.Fixed {
			s.of[i] = Rule{}.Severity(level)
		}
	}
	if a == readsLines { // it could not be used
		s.of[fhirResourceType] = SeverityError
	}
	s.setWeights()
	return s
}

// severities returns the severities of a reader with these options.
func (o *options) severities(a readerKind) *severities {
	s := common[0][a]
	switch {
	case o.strict:
		s = common[1][a]
	case o.basic:
		s = common[2][a]
	}
	if len(o.changed) == 0 || o.basic {
		return s
	}
	own := *s
	for code, severity := range o.changed { // which resolve has checked
		own.of[ruleIndex(code)] = severity
	}
	own.setWeights()
	return &own
}

// ruleOfFault returns the rule that a fault breaks.
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

// ruleOfKind has the rule that a finding of the scanner breaks.
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

// Severity is the severity of an [Issue], as in FHIR's IssueSeverity.
type Severity string

// Only a SeverityError makes a payload invalid.
const (
	SeverityError       Severity = "error"
	SeverityWarning     Severity = "warning"
	SeverityInformation Severity = "information"
	// SeverityNone turns a rule off in [Options.Severities]. No issue has it.
	SeverityNone Severity = "none"
)
