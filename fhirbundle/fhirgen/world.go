package fhirgen

// kind is a resource type that this package makes.
type kind uint8

const (
	patient kind = iota
	organization
	practitioner
	encounter
	condition
	observation
	diagnosticReport
	procedure
	immunization
	medicationRequest
	claim
	explanationOfBenefit
	messageHeader
	composition
	kindCount
)

var kindNames = [kindCount]string{
	"Patient", "Organization", "Practitioner", "Encounter", "Condition", "Observation",
	"DiagnosticReport", "Procedure", "Immunization", "MedicationRequest", "Claim",
	"ExplanationOfBenefit", "MessageHeader", "Composition",
}

func (k kind) String() string { return kindNames[k] }

func kindOf(name string) (kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return kind(k), true
		}
	}
	return 0, false
}

const (
	firstDay = 14610 // 2010-01-01, in days from 1970-01-01
	lastDay  = 20088 // 2024-12-31
	resultsN = 4     // how many Observations a DiagnosticReport names at most
	planN    = 48    // more than one encounter can ever need
)

// world is what the resources of one patient have in common: who they are
// about and the ids that later resources refer to. References go to resources
// that came earlier, with the exception of the Patient's to the Organization
// and Practitioner right after it.
type world struct {
	patient, org, doctor uuid
	limit                int // resources that there will be
	encounters           int

	name, orgName, doctorName string // displays; see names.go
	person                    person
	zone                      string

	encounter uuid
	class     *code
	begun     int // second at which the encounter began
	ended     int

	claim   uuid
	cond    uuid
	hasCond bool
	drug    *code
	med     uuid
	hasMed  bool // a MedicationRequest was made in this encounter, and no Claim for it yet
	results [resultsN]uuid
	nResult int

	plan      [planN]kind
	plan0, pN int
}

// begin starts a new patient, of whom at most limit resources will be made.
func (w *world) begin(g *Generator, limit int) {
	*w = world{limit: limit}
	w.patient, w.org, w.doctor = g.uuid(), g.uuid(), g.uuid()
	w.person = g.person()
	w.name = w.person.display()
	w.orgName = *pick(g, organizations)
	w.doctorName = *pick(g, doctors)
	w.zone = *pick(g, zones)
	w.begun = (firstDay + g.n(900)) * 86400
	w.push(patient)
	w.push(organization)
	w.push(practitioner)
}

// stand puts the world where a single resource of any type can be made.
func (w *world) stand(g *Generator) {
	w.visit(g)
	w.encounter, w.claim, w.cond, w.med = g.uuid(), g.uuid(), g.uuid(), g.uuid()
	w.drug = pick(g, drugs)
	w.hasCond, w.hasMed = true, true
	w.results[0], w.results[1], w.nResult = g.uuid(), g.uuid(), 2
}

func (w *world) push(k kind) {
	w.plan[w.pN] = k
	w.pN++
}

func (w *world) pushN(k kind, n int) {
	for range n {
		w.push(k)
	}
}

// next says what comes next of this patient.
func (w *world) next(g *Generator) kind {
	if w.plan0 == w.pN {
		w.plan0, w.pN = 0, 0
		w.arrange(g)
	}
	k := w.plan[w.plan0]
	w.plan0++
	return k
}

// arrange plans one encounter. The proportions are roughly those of Synthea's
// records of adults.
func (w *world) arrange(g *Generator) {
	w.encounters++
	if w.encounters%25 == 0 { // the patient has moved: another practice
		w.push(organization)
		w.push(practitioner)
	}
	w.push(encounter)
	if g.percent(40) {
		w.push(condition)
	}
	n := g.between(0, 7)
	w.pushN(observation, n)
	if n > 0 {
		w.push(diagnosticReport)
	}
	w.pushN(procedure, g.between(0, 2))
	if g.percent(20) {
		w.push(immunization)
	}
	if g.percent(35) {
		w.push(medicationRequest)
		w.push(claim)
	}
	w.push(claim)
	w.push(explanationOfBenefit)
}

// visit moves on to a new encounter.
func (w *world) visit(g *Generator) {
	w.begun += g.between(2, 24)*86400 - w.begun%86400 + g.between(7*3600, 18*3600)
	if w.begun > lastDay*86400 {
		w.begun -= (lastDay - firstDay - 900) * 86400
	}
	w.ended = w.begun + 60*g.between(10, 240)
	w.class = pick(g, classes)
	w.hasMed, w.hasCond, w.nResult = false, false, 0
}

// newID returns the id of the resource of kind k that is made next.
func (g *Generator) newID(k kind) uuid {
	w := &g.w
	switch k {
	case patient:
		return w.patient
	case organization:
		if w.encounters > 0 {
			w.org = g.uuid()
			w.orgName = *pick(g, organizations)
		}
		return w.org
	case practitioner:
		if w.encounters > 0 {
			w.doctor = g.uuid()
			w.doctorName = *pick(g, doctors)
		}
		return w.doctor
	default:
		return g.uuid()
	}
}
