package brokerservers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
)

// Go CDK's own suite for our Service Bus driver. The test is in the driver's module, which
// can't start the stand-in.
func TestServiceBusConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in short mode: Go CDK's suite takes half a minute, its compilation included")
	}
	b := brokerservers.Start(t, brokerservers.ServiceBusForSuite)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "servicebus", "-count=1", "-timeout=8m", "-v", "-run", "^TestConformance", "./azurequeue")
	cmd.Dir = filepath.Join("..", "..", "..", "queue", "brokers")
	cmd.Env = append(os.Environ(), b.Environ()...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	// go test passes if no test matches.
	require.Contains(t, string(out), "--- PASS: TestConformance/TestSendReceive ")
	require.Contains(t, string(out), "--- PASS: TestConformance/TestAs/azservicebus ")
	require.NotContains(t, string(out), "--- SKIP: ")
}
