package panics_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/panics"
)

func TestStack(t *testing.T) {
	for name, fail := range map[string]func(secret []int){
		"panic":         func([]int) { panic("0x2a") },
		"runtime error": func(secret []int) { secret[42] = 1 },
		"in a deferred function": func([]int) {
			defer again()
			panic("first")
		},
	} {
		var stack string
		func() {
			defer func() {
				require.NotNil(t, recover(), name)
				stack = describe()
			}()
			fail([]int{7})
		}()
		require.Contains(t, stack, "panics_test.go:", name)
		require.Contains(t, stack, t.Name(), name)
		require.NotContains(t, stack, "describe", name)
		require.Equal(t, name == "in a deferred function", strings.Contains(stack, "panics_test.again\n"), stack)
		require.NotContains(t, stack, "0x", name)
		require.True(t, strings.HasSuffix(stack, "\n"), name)
	}
}

func again() { panic("again") }

func describe() string { return panics.Stack() }
