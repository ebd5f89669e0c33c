package objectstores

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// restricted is the user of a policy under test.
const (
	restrictedKey    = "fhirdock-restricted"
	restrictedSecret = "fhirdock-restricted-secret"
)

// restrict creates a user with only the rights of an identity policy for the bucket NAME.
// versitygw has no identity policies, so an equivalent bucket policy names the user as its
// principal.
func restrict(ctx context.Context, versitygw, endpoint string, client *s3.Client, bucket string, identity []byte) (map[string]string, error) {
	var policy struct {
		Version   string
		Statement []struct {
			Effect    string
			Principal map[string][]string
			Action    []string
			Resource  []string
		}
	}
	if err := json.Unmarshal(bytes.ReplaceAll(identity, []byte(":::NAME"), []byte(":::"+bucket)), &policy); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	for i := range policy.Statement {
		policy.Statement[i].Principal = map[string][]string{"AWS": {restrictedKey}}
	}
	raw, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, versitygw, "admin", "--access", s3Key, "--secret", s3Secret, "--region", s3Region,
		"--endpoint-url", endpoint, "create-user", "--access", restrictedKey, "--secret", restrictedSecret, "--role", "user")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("create user: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if _, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(string(raw))}); err != nil {
		return nil, fmt.Errorf("set policy: %w", err)
	}
	return map[string]string{"AWS_ACCESS_KEY_ID": restrictedKey, "AWS_SECRET_ACCESS_KEY": restrictedSecret}, nil
}
