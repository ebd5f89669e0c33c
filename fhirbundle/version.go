package fhirbundle

import (
	"bytes"
	"mime"
	"strings"
)

// Version is a version of FHIR. What this package checks differs between them in
// the rules of Bundles and in the resource types that there are.
type Version string

const (
	R4  Version = "R4"  // 4.0; the default
	R4B Version = "R4B" // 4.3
	R5  Version = "R5"  // 5.0
)

// Number is what the media-type parameter fhirVersion says: "4.0", "4.3" or "5.0".
// It is empty for what is none of the constants.
func (v Version) Number() string {
	switch v {
	case R4:
		return "4.0"
	case R4B:
		return "4.3"
	case R5:
		return "5.0"
	}
	return ""
}

// VersionOf returns the version that a media type names in its parameter
// fhirVersion, as in application/fhir+json; fhirVersion=4.0
// (http://hl7.org/fhir/R4/http.html#version-parameter). ok is false where there
// is no such parameter, where it names a version that this package does not
// know, or where the media type can't be parsed.
func VersionOf(mediaType string) (v Version, ok bool) {
	_, params, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return "", false
	}
	number := params["fhirversion"]
	if parts := strings.SplitN(number, ".", 3); len(parts) > 2 {
		number = parts[0] + "." + parts[1] // 4.0.1 is a correction of 4.0
	}
	for _, v := range [...]Version{R4, R4B, R5} {
		if v.Number() == number {
			return v, true
		}
	}
	return "", false
}

// The resource types that can occur in a payload, of each version, without the
// abstract ones (http://hl7.org/fhir/R4/resourcelist.html, and of R4B and R5
// likewise).

const (
	in4 = 1 << iota
	in4B
	in5
)

var resourceTypes = listTypes(map[uint8]string{
	in4 | in4B | in5: `Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic
		Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam ChargeItem
		ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication CommunicationRequest
		CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
		CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest
		DiagnosticReport DocumentReference Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare
		EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag
		Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization
		ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage
		List Location Measure MeasureReport Medication MedicationAdministration MedicationDispense
		MedicationKnowledge MedicationRequest MedicationStatement MessageDefinition MessageHeader MolecularSequence
		NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome
		Organization OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person
		PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse
		RelatedPerson ResearchStudy ResearchSubject RiskAssessment Schedule SearchParameter ServiceRequest Slot
		Specimen SpecimenDefinition StructureDefinition StructureMap Subscription Substance SupplyDelivery
		SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult
		VisionPrescription`,
	in4: `EffectEvidenceSynthesis MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
		MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
		MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
		MedicinalProductUndesirableEffect RiskEvidenceSynthesis SubstanceSpecification`,
	in5: `ActorDefinition ArtifactAssessment BiologicallyDerivedProductDispense ConditionDefinition DeviceAssociation
		DeviceDispense DeviceUsage EncounterHistory FormularyItem GenomicStudy ImagingSelection InventoryItem
		InventoryReport NutritionIntake Permission RequestOrchestration Requirements TestPlan Transport`,
	in4 | in4B: `CatalogEntry DeviceUseStatement DocumentManifest Media RequestGroup ResearchDefinition
		ResearchElementDefinition`,
	in4B | in5: `AdministrableProductDefinition Citation ClinicalUseDefinition EvidenceReport Ingredient
		ManufacturedItemDefinition MedicinalProductDefinition NutritionProduct PackagedProductDefinition
		RegulatedAuthorization SubscriptionStatus SubscriptionTopic SubstanceDefinition`,
	in4 | in5: `SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
		SubstanceSourceMaterial`,
})

// knownResource is a type with its name, which is shared in this way.
type knownResource struct {
	name string
	in   uint8
}

func listTypes(groups map[uint8]string) map[string]knownResource {
	types := map[string]knownResource{}
	for in, names := range groups {
		for name := range strings.FieldsSeq(names) {
			types[name] = knownResource{name, in}
		}
	}
	return types
}

// hasType says whether a version of FHIR defines a resource type.
func (v Version) hasType(name []byte) bool { return resourceTypes[string(name)].in&v.bit() != 0 }

func (v Version) bit() uint8 {
	switch v {
	case R4B:
		return in4B
	case R5:
		return in5
	}
	return in4
}

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
func quotable(seen memberText, quote string) string {
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

// isTypeAndID reports whether text is Type/id.
func isTypeAndID(text []byte) bool {
	typ, id, ok := bytes.Cut(text, []byte("/"))
	return ok && isResourceType(typ) && isID(id)
}

// isResourceType reports whether some version of FHIR has a resource type of that
// name.
func isResourceType(name []byte) bool { return resourceTypes[string(name)].in != 0 }
