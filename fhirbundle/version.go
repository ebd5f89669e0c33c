package fhirbundle

import (
	"bytes"
	"mime"
	"strings"
)

// bansBareFragment reports whether only contained resources may refer to "#", their
// container: ref-1 of R4B and R5 says so, R4 does not.
func (v Version) bansBareFragment() bool { return v != R4 }

// Version is a version of FHIR. Versions differ in the rules of Bundles and in their
// resource types.
type Version string

const (
	R4  Version = "R4"  // 4.0; the default
	R4B Version = "R4B" // 4.3
	R5  Version = "R5"  // 5.0
)

// Number returns the version as the media-type parameter fhirVersion has it: "4.0",
// "4.3" or "5.0". It is empty for other values.
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

// VersionOf returns the version in the parameter fhirVersion of a media type, as in
// application/fhir+json; fhirVersion=4.0
// (http://hl7.org/fhir/R4/http.html#version-parameter). ok is false if the parameter is
// missing or its version unknown, or if the media type is invalid.
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

// hasType reports whether the version of FHIR defines a resource type.
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

// isTypeName reports whether text can be the name of a resource type: letters only.
func isTypeName(text []byte) bool { return isWord(text) && bytes.IndexByte(text, '-') < 0 }

// isID reports whether text is an id as FHIR defines it: [A-Za-z0-9\-\.]{1,64}.
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

// notID is 1 for a byte that an id can't have. It is a table because branches on the
// bytes of an id are mispredicted half the time.
var notID = func() (t [256]byte) {
	for c := range t {
		if c := byte(c); c|0x20-'a' >= 26 && c-'0' >= 10 && c != '-' && c != '.' {
			t[c] = 1
		}
	}
	return t
}()

// knownType returns the Bundle type that text is, if R4, R4B or R5 defines it, or "".
func knownType(text []byte) string {
	for _, t := range bundleTypes {
		if t == string(text) {
			return t
		}
	}
	return ""
}

// resourceWord returns the resource type that text is, as a shared string: [OtherType]
// if no version of FHIR defines it, and "" if it can't be the name of a type.
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

// quotable returns text for a message. It quotes only names that FHIR defines, since
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

// methodOf returns the HTTP method that text is, and the fact for it, or "" if FHIR has
// no such method.
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
