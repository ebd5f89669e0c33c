package scan

// Kind is a kind of finding: something that JSON allows and FHIR's JSON format does not
// (http://hl7.org/fhir/R4/json.html).
type Kind uint8

const (
	MisplacedNull Kind = iota
	EmptyArray
	EmptyObject
	EmptyText
	Unaligned // x and _x are not arrays of the same length
	NoValues  // an array _x without an array x has no null
	BothNull  // x and _x are null at the same index
	Comments  // a member is for comments, by its name
	Kinds
)

// weight says how findings of a kind are listed.
type weight uint8

const (
	Ignored weight = iota
	Noted
	Grave // the first is listed even beyond the limit
)

// Weights has the weight of each kind.
type Weights [Kinds]weight

// Finding is a finding at an index in the scanned data.
type Finding struct {
	Kind Kind
	At   int
}

// note lists a finding.
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
