package pgnotify

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNotifyURL(t *testing.T) {
	for in, want := range map[string][2]string{
		"postgres://h/d?channel=a":                                         {"postgres://h/d", "a"},
		"postgres://u:p%40@h/d?sslmode=disable&channel=%61&x=a%20b":        {"postgres://u:p%40@h/d?sslmode=disable&x=a%20b", "a"},
		"postgresql:///d?host=/run/pg&channel=a_1":                         {"postgresql:///d?host=/run/pg", "a_1"},
		"postgres://h1:1,h2:2/d?channel=a&target_session_attrs=read-write": {"postgres://h1:1,h2:2/d?target_session_attrs=read-write", "a"},
	} {
		dsn, channel, err := cutChannel(in)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{dsn, channel})
	}
}
