package fhirgen

// The codes have the form of their system's codes; the displays are this
// package's own words. They are there for their shape.

var classes = []code{
	{hl7 + "v3-ActCode", "AMB", "ambulatory"},
	{hl7 + "v3-ActCode", "AMB", "ambulatory"},
	{hl7 + "v3-ActCode", "EMER", "emergency"},
	{hl7 + "v3-ActCode", "IMP", "inpatient"},
}

var visits = []code{
	{snomed, "185345009", "Visit because of symptoms"},
	{snomed, "162673000", "General check of an adult"},
	{snomed, "185349003", "Routine check"},
	{snomed, "390906007", "Return visit"},
	{snomed, "50849002", "Admission in an emergency"},
	{snomed, "308335008", "Consultation"},
}

var findings = []code{
	{snomed, "444814009", "Inflamed sinuses"},
	{snomed, "195662009", "Sore throat, viral"},
	{snomed, "10509002", "Bronchitis of short duration"},
	{snomed, "59621000", "High blood pressure, primary"},
	{snomed, "44054006", "Diabetes, type 2"},
	{snomed, "15777000", "Glucose above normal"},
	{snomed, "162864005", "Body mass index of 30 or more"},
	{snomed, "271737000", "Low haemoglobin"},
	{snomed, "44465007", "Sprained ankle"},
	{snomed, "40055000", "Sinus trouble of long standing"},
	{snomed, "73595000", "Stress"},
}

var interventions = []code{
	{snomed, "430193006", "List of medicines reviewed"},
	{snomed, "710824005", "Health and social needs assessed"},
	{snomed, "171207006", "Screening for low mood"},
	{snomed, "76601001", "Injection into muscle"},
	{snomed, "23426006", "Breathing capacity measured"},
	{snomed, "73761001", "Inspection of the large bowel"},
	{snomed, "65363002", "Assessment of hearing"},
	{snomed, "274474001", "X-ray of the ankle"},
	{snomed, "288086009", "Wound closed with stitches"},
}

var reports = []code{
	{loinc, "51990-0", "Basic chemistry panel"},
	{loinc, "57698-3", "Lipid panel"},
	{loinc, "58410-2", "Blood count panel"},
	{loinc, "34117-2", "History and examination note"},
	{loinc, "82593-5", "Immunological report"},
}

var vaccines = []code{
	{cvx, "140", "Influenza, seasonal"},
	{cvx, "113", "Tetanus and diphtheria, adult"},
	{cvx, "133", "Pneumococcal, 13 types"},
	{cvx, "121", "Shingles, live"},
	{cvx, "43", "Hepatitis B, adult"},
}

var drugs = []code{
	{rxnorm, "314076", "Lisinopril 10 mg tablet"},
	{rxnorm, "860975", "Metformin 500 mg tablet, slow"},
	{rxnorm, "310798", "Hydrochlorothiazide 25 mg tablet"},
	{rxnorm, "313782", "Paracetamol 325 mg tablet"},
	{rxnorm, "308182", "Amoxicillin 250 mg capsule"},
	{rxnorm, "849574", "Naproxen 220 mg tablet"},
	{rxnorm, "312961", "Simvastatin 20 mg tablet"},
}

// measure is something that is observed: a number between low and high, both
// of them in units of 10^-digits, or several parts.
type measure struct {
	code      code
	category  code
	unit      string
	low, high int
	digits    int
	parts     []measure
}

var (
	vital = code{hl7 + "observation-category", "vital-signs", "Vital signs"}
	lab   = code{hl7 + "observation-category", "laboratory", "Laboratory"}
)

var measures = []measure{
	{code: code{loinc, "8302-2", "Body height"}, category: vital, unit: "cm", low: 14500, high: 20000, digits: 2},
	{code: code{loinc, "29463-7", "Body weight"}, category: vital, unit: "kg", low: 4500, high: 12000, digits: 2},
	{code: code{loinc, "39156-5", "Body mass index"}, category: vital, unit: "kg/m2", low: 1800, high: 3500, digits: 2},
	{code: code{loinc, "8867-4", "Heart rate"}, category: vital, unit: "/min", low: 50, high: 110},
	{code: code{loinc, "9279-1", "Breaths a minute"}, category: vital, unit: "/min", low: 12, high: 20},
	{code: code{loinc, "8310-5", "Body temperature"}, category: vital, unit: "Cel", low: 3600, high: 3900, digits: 2},
	{code: code{loinc, "2339-0", "Glucose in blood"}, category: lab, unit: "mg/dL", low: 6500, high: 14000, digits: 2},
	{code: code{loinc, "4548-4", "Haemoglobin A1c"}, category: lab, unit: "%", low: 400, high: 900, digits: 2},
	{code: code{loinc, "2093-3", "Cholesterol, total"}, category: lab, unit: "mg/dL", low: 15000, high: 28000, digits: 2},
	{code: code{loinc, "38483-4", "Creatinine in blood"}, category: lab, unit: "mg/dL", low: 50, high: 350, digits: 2},
	{code: code{loinc, "6298-4", "Potassium in blood"}, category: lab, unit: "mmol/L", low: 350, high: 520, digits: 2},
	{code: code{loinc, "718-7", "Haemoglobin"}, category: lab, unit: "g/dL", low: 11000, high: 18000, digits: 3},
	{
		code: code{loinc, "85354-9", "Blood pressure"}, category: vital,
		parts: []measure{
			{code: code{loinc, "8480-6", "Systolic pressure"}, unit: "mm[Hg]", low: 90, high: 160},
			{code: code{loinc, "8462-4", "Diastolic pressure"}, unit: "mm[Hg]", low: 55, high: 100},
		},
	},
}
