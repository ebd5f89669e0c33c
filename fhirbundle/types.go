package fhirbundle

import "strings"

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
