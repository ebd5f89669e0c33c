package fhirgen

// The strings below are written into JSON as they are, so that what needs an
// escape has it already.

var zones = []string{"Z", "+00:00", "+01:00", "+05:30", "-05:00", "-08:00"}

var givenNames = []string{
	"Zoë", "Søren", "Łucja", "Þóra", "Iñaki", "Ömer", "Šárka", "Çelik", "Ana", "Bram",
	"Chidi", "Dana", "Emeka", "Farid", "Gwen", "Hana", "Ivo", "Juno", "Kofi", "Lena",
	"Maya", "Nils", "Olga", "Pia", "Quentin", "Ravi", "Sina", "Tariq", "Uma", "Vera",
	"美咲", "Νίκη", "Юлия", "\\u00c9lo\\u00efse",
}

var familyNames = []string{
	"Testdóttir", "Musterová", "Beispiel-Ñandú", "Probeğlu", "Ejemplo", "Exempelsson",
	"Przykładowa", "Samplewright", "Fictitio", "Placeholder", "Imaginaire", "D'Invented",
	"Mockingham", "Nullfield", "Schön\\u00dftest", "架空", "Вымышлен", "Εικονική",
}

var doctors = []string{
	"Dr. Testarossa801 Sampleton12", "Dr. Ålva333 Prøvesen45", "Dr. Mock212 Ünreal98",
	"Dr. Quill777 Inventio31", "Dr. Nadia404 Fiktiv-Łęcka70", "Dr. 例子909 样本17",
	"Dr. Placebo555 O'Dummy66", "Dr. Jos\\u00e9120 Pruebas84",
}

var organizations = []string{
	"Imaginary General Hospital 1", "Clínica Inventada 7", "Muster-Praxis Süd 12",
	"Sample Valley Health 23", "Øst Prøveklinik 4", "Nowhere & Sons Medical 99",
	"架空病院 5", "Polyclinique d'Essai \\u2013 Nord 8",
}

var payers = []string{
	"Nowhere Mutual 3", "Fictitious Health Fund 11", "Krankenkasse Übung 6",
	"Synthetic Care \\u0026 Co. 2", "No insurance",
}

var streets = []string{
	"Imaginary Lane", "Straße des Tests", "Rue de l'Échantillon", "Sample Crescent Apt 4",
	"Calle Ficción", "ul. Przykładowa", "Nowhere Road\\tUnit 2",
}

var cities = []string{"Testville", "Köln-Muster", "São Exemplo", "Sampleford", "Nowhere", "Fiktivø", "試験市"}

// remarks are sentences that say nothing, in the ways in which text is awkward.
var remarks = []string{
	`Nothing of note; this sentence was generated.`,
	`The \"patient\" is synthetic, as is the rest of this record.`,
	`Path C:\\synthetic\\records\\none, 100% invented; see https:\/\/example.org\/fhirgen.`,
	`Température 37,0 \u00b0C; contrôle dans 2 semaines.`,
	`First line\nSecond line\n\tindented third line.`,
	`Größe und Gewicht unverändert \u2014 keine weiteren Schritte.`,
	`Feeling well \ud83d\ude42, comes again if needed 🙂.`,
	`検査結果に異常なし。`,
	`Ranges are invented: 3 < x > 1 and \u00b5g are here for the parser's sake.`,
}

var groups = []code{
	{"http://example.org/fhir/groups", "g-1", "Group one"},
	{"http://example.org/fhir/groups", "g-2", "Group two"},
	{"http://example.org/fhir/groups", "g-3", "Gruppe drei (ä)"},
}

var marital = []code{
	{hl7 + "v3-MaritalStatus", "M", "Married"},
	{hl7 + "v3-MaritalStatus", "S", "Never married"},
	{hl7 + "v3-MaritalStatus", "W", "Widowed"},
}

var languages = []code{
	{"urn:ietf:bcp:47", "en", "English"}, {"urn:ietf:bcp:47", "de", "Deutsch"},
	{"urn:ietf:bcp:47", "es", "Español"}, {"urn:ietf:bcp:47", "ja", "日本語"},
	{"urn:ietf:bcp:47", "pl", "Polski"},
}
