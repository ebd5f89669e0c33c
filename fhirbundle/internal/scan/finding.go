package scan

// kind is what kind of finding one is: what JSON allows and FHIR's JSON format does
// not (http://hl7.org/fhir/R4/json.html).
type Kind uint8

const (
	MisplacedNull Kind = iota
	EmptyArray
	EmptyObject
	EmptyText
	Unaligned // x and _x are not arrays of the same length
	NoValues  // an array _x without x has no null
	BothNull  // x and _x have null at the same index
	Comments  // a member has a name for comments
	Kinds
)

// weight is what becomes of a finding.
type weight uint8

const (
	Ignored weight = iota
	Noted
	Grave // the first one is listed even if there is no room
)

// weights are by kind.
type Weights [Kinds]weight

// finding is one at an offset in the scanned data.
type Finding struct {
	Kind Kind
	At   int
}

func (s *Scanner) note(k Kind, at int) {
	w := s.weights[k]
	if w == Ignored {
		return
	}
	if len(s.Findings) >= s.maxFound && (w != Grave || s.grave) {
		s.Lost++
		return
	}
	s.grave = s.grave || w == Grave
	s.Findings = append(s.Findings, Finding{k, at})
}
