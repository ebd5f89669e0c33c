package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOptionsThatCanNotWork: all functions reject invalid options, and name the field
// and the allowed values.
func TestOptionsThatCanNotWork(t *testing.T) {
	for want, o := range map[string]Options{
		`Level is "Strict"; allowed is lenient, strict or basic`:                  {Level: "Strict"},
		`Version is "r5"; allowed is R4, R4B or R5`:                               {Version: "r5"},
		`Format is "xml"; allowed is bundle, ndjson or resource`:                  {Format: "xml"},
		`MaxDepth is -1; allowed is 0 (the default) to 100000`:                    {MaxDepth: -1},
		`MaxDepth is 100001; allowed is`:                                          {MaxDepth: 100_001},
		`MaxStringBytes is -1; allowed is 0 (the default) to 2147483647`:          {MaxStringBytes: -1},
		`MaxEntryBytes is -1; allowed is 0 (the default) to 2147483647`:           {MaxEntryBytes: -1},
		`MaxIssues is -1; allowed is`:                                             {MaxIssues: -1},
		`MaxIndexBytes is -1; allowed is`:                                         {MaxIndexBytes: -1},
		`Types is "Batch"; allowed is transaction, batch, collection`:             {Types: []string{"batch", "Batch"}},
		`Severities is "bdl-6"; allowed is the code of one of Rules()`:            {Severities: map[string]Severity{"bdl-6": SeverityError}},
		`Severities[bdl-7] is "fatal"; allowed is error, warning, information or`: {Severities: map[string]Severity{"bdl-7": "fatal"}},
		`Severities[json-utf8] is "none"; allowed is error`:                       {Severities: map[string]Severity{"json-utf8": SeverityNone}},
	} {
		reader, err1 := NewReader(strings.NewReader(""), &o)
		bytesReader, err2 := NewBytesReader(nil, &o)
		resumed, err3 := ResumeReader(strings.NewReader(""), Position{Offset: 1}, &o)
		rep, err4 := Validate(strings.NewReader(""), &o)
		repBytes, err5 := ValidateBytes(nil, &o)
		assert.Nil(t, reader)
		assert.Nil(t, bytesReader)
		assert.Nil(t, resumed)
		assert.Nil(t, rep)
		assert.Nil(t, repBytes)
		for i, err := range []error{err1, err2, err3, err4, err5, CheckJSON([]byte("1"), &o), o.Check()} {
			require.ErrorIs(t, err, ErrOptions, "%s: %d", want, i)
			assert.ErrorContains(t, err, want)
			assert.NotErrorIs(t, err, ErrInvalid)
		}
	}
	for _, at := range []Position{{Offset: -1}, {Offset: 1, Entries: -1}, {Offset: 1, Lines: -1}} {
		r, err := ResumeReader(strings.NewReader(""), at, nil)
		require.ErrorIs(t, err, ErrOptions, "%+v", at)
		assert.Nil(t, r)
	}
}

// TestOptionsThatWork: zero is the default, and each maximum is allowed.
func TestOptionsThatWork(t *testing.T) {
	for _, o := range []*Options{
		nil, {}, {Types: []string{}}, {Types: bundleTypes[:]}, {Severities: map[string]Severity{"json-dup": SeverityError, "bdl-7": SeverityNone}},
		{MaxDepth: 100_000, MaxStringBytes: maxInt31, MaxEntryBytes: maxInt31, MaxIssues: maxInt31, MaxIndexBytes: maxInt31},
	} {
		require.NoError(t, o.Check())
	}
	o := &Options{Level: LevelStrict, Types: []string{"batch"}, Severities: map[string]Severity{"bdl-7": SeverityNone}}
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = o.Check() }))
}
