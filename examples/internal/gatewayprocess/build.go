//go:build unix

package gatewayprocess

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds the gateway from source in a folder and returns the program's path.
func Build(ctx context.Context, folder string) (program string, err error) {
	program = filepath.Join(folder, "gateway")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/fhirdock/fhirdock/examples/gateway")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, said)
	}
	return program, nil
}
