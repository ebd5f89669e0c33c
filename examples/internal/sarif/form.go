package sarif

// The objects of SARIF 2.1.0 that Writer writes
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).

// Tool is the program that has the findings, and the rules that it checks.
type Tool struct {
	Name           string `json:"name"`
	InformationURI string `json:"informationUri"`
	Rules          []Rule `json:"rules"`
}

// Rule is a rule and the level that its findings have by default.
type Rule struct {
	ID                   string        `json:"id"`
	ShortDescription     Text          `json:"shortDescription"`
	HelpURI              string        `json:"helpUri"`
	DefaultConfiguration Configuration `json:"defaultConfiguration"`
}

// Text is a text for people.
type Text struct {
	Text string `json:"text"`
}

// Configuration is how a rule is set.
type Configuration struct {
	Level Level `json:"level"`
}

// Level is the severity of a finding or a notification.
type Level string

// The levels that a finding can have.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelNote    Level = "note"
)

type result struct {
	RuleID    string     `json:"ruleId"`
	RuleIndex *int       `json:"ruleIndex,omitempty"`
	Level     Level      `json:"level"`
	Message   Text       `json:"message"`
	Locations []location `json:"locations"`
}

type location struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *region `json:"region,omitempty"`
	} `json:"physicalLocation"`
	Logical []logical `json:"logicalLocations,omitempty"`
}

type region struct {
	StartLine   int64  `json:"startLine"`
	StartColumn int64  `json:"startColumn,omitempty"`
	EndColumn   int64  `json:"endColumn,omitempty"`
	ByteOffset  *int64 `json:"byteOffset,omitempty"`
}

type logical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
}

type invocation struct {
	ExecutionSuccessful bool           `json:"executionSuccessful"`
	Notifications       []notification `json:"toolExecutionNotifications,omitempty"`
}

type notification struct {
	Level     Level      `json:"level"`
	Message   Text       `json:"message"`
	Locations []location `json:"locations"`
}
