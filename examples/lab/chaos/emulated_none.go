//go:build unix && noaws

package main

import (
	"context"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

var emulated map[string]func(context.Context) (*servers.Lent, error)
