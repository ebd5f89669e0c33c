package gatewayflags

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/examples/internal/secretfile"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// defaultToken is public: it is in the README.
const defaultToken = "dev=demo"

// NotificationsPath is where the object store sends notifications.
const NotificationsPath = "/v1/notifications"

// Callers are those who may call the front door, and their secrets.
type Callers struct {
	Tokens        *auth.Tokens   // nil if the role serves nothing
	Webhooks      *auth.Webhooks // nil: none
	NotifySecrets []string       // empty: no notifications over HTTP
	// Development is why the tokens are only for development, or nil.
	Development error
}

// callerFlags defines the flags of callers. The returned function checks them. Its
// argument open says that the front door can be reached from other machines.
func callerFlags(s *envflag.Set) func(serves, open bool) (Callers, error) {
	s.Group("Who may call")
	tokens := s.Strings("token", nil, "`TOKEN=ORG[:USER]`: a bearer token and its owner; repeatable. In the variable, separate several\n"+
		"with commas. Other users can see a process's arguments: use -token-file except for\n"+
		"development.\n"+
		"(default: "+defaultToken+", only on a loopback address and without -public-url)")
	s.File("token")
	webhooks := s.Strings("webhook", nil, "`ORG[:USER]=SECRET`: a sender that signs its Bundles by Standard Webhooks, and its whsec_\nsecret; it posts to …/fhir/Bundle?endpoint=ORG. Repeatable, also for the same ORG while\nits secret is being replaced. In the variable, separate several with commas")
	s.File("webhook")
	notifySecrets := s.Strings("notification-secret", nil, "`SECRET` that the object store sends with its notifications, to POST "+NotificationsPath+":\nin Authorization, as it is or as a bearer token, or as "+NotificationsPath+"?token=SECRET. Accepts\nnotifications of S3 by SNS and EventBridge, S3-compatible stores, Pub/Sub push and Event Grid.\nRepeatable, for rotation. In the variable, separate several with commas")
	s.File("notification-secret")
	insecure := s.Bool("insecure-dev-tokens", false, "allow tokens that can be guessed although others can reach the server, on an address that is\nnot loopback or with a -public-url")

	return func(serves, open bool) (Callers, error) {
		var c Callers
		if !serves {
			return c, nil
		}
		var err error
		if c.Development, err = checkTokens(*tokens, open && !*insecure); err != nil {
			return c, err
		}
		if len(*tokens) == 0 {
			*tokens = []string{defaultToken}
		}
		if c.Tokens, err = auth.ParseTokens(*tokens...); err != nil {
			return c, fmt.Errorf("-token: %w", err)
		}
		if len(*webhooks) > 0 {
			senders, err := parseWebhooks(*webhooks)
			if err == nil {
				c.Webhooks, err = auth.NewWebhooks(senders, nil)
			}
			if err != nil {
				return c, fmt.Errorf("-webhook: %w", err)
			}
			for i, webhook := range *webhooks {
				if err := checkWebhook(webhook); err != nil {
					return c, fmt.Errorf("-webhook: the secret of webhook %d %w; make one with: echo whsec_$(openssl rand -base64 32)", i+1, err)
				}
			}
		}
		c.NotifySecrets = *notifySecrets
		for i, secret := range c.NotifySecrets {
			if err := secretfile.Check(secret); err != nil {
				return c, fmt.Errorf("-notification-secret: secret %d %w; make one with: openssl rand -hex 24", i+1, err)
			}
		}
		return c, nil
	}
}

const howToMake = "write $(openssl rand -hex 24)=ORG into a file that only this user can read, and name it with -token-file"

// checkTokens returns why tokens are only for development, or nil. With strict such tokens
// are an error.
func checkTokens(tokens []string, strict bool) (development, err error) {
	if len(tokens) == 0 {
		if strict {
			return nil, errors.New("-token-file is needed because others can reach the server: -addr is not a loopback address or there is a -public-url: " +
				"the default token is no secret; " + howToMake)
		}
		return errors.New("the default token is no secret"), nil
	}
	for i, spec := range tokens {
		token := spec
		if at := strings.LastIndexByte(spec, '='); at >= 0 {
			token = spec[:at]
		}
		weak := secretfile.Check(token)
		if weak == nil {
			continue
		}
		if strict {
			return nil, fmt.Errorf("-token: token %d %w, and others can reach the server, since -addr is not a loopback address or there is a -public-url: "+
				"%s. -insecure-dev-tokens allows it", i+1, weak, howToMake)
		}
		development = fmt.Errorf("token %d %w", i+1, weak)
	}
	return development, nil
}

// parseWebhooks parses senders of the form ORG=SECRET or ORG:USER=SECRET. The organization
// is also the endpoint's name. Repeat it for several secrets. Errors identify a sender by
// its position, from 1, and don't quote it.
func parseWebhooks(specs []string) ([]auth.WebhookEndpoint, error) {
	var senders []auth.WebhookEndpoint
	index := map[string]int{}
	for i, spec := range specs {
		who, secret, _ := strings.Cut(spec, "=") // a secret may end in "="
		if !strings.HasPrefix(secret, "whsec_") {
			return nil, fmt.Errorf("webhook %d is not of the form ORG[:USER]=SECRET with a whsec_ secret", i+1)
		}
		org, user, _ := strings.Cut(who, ":")
		at, known := index[org]
		if !known {
			at, index[org] = len(senders), len(senders)
			senders = append(senders, auth.WebhookEndpoint{
				Name: org, Caller: ingest.Caller{OrganizationID: org, OrganizationName: org, UserID: user},
			})
		}
		if senders[at].Caller.UserID != user {
			return nil, fmt.Errorf("webhook %d has another user than an earlier one of its organization", i+1)
		}
		senders[at].Secrets = append(senders[at].Secrets, secret)
	}
	return senders, nil
}

// checkWebhook returns an error if the secret of a sender can be guessed.
func checkWebhook(spec string) error {
	_, secret, _ := strings.Cut(spec, "=")
	if err := secretfile.Check(secret); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	return secretfile.Check(string(raw))
}

// loopback reports whether a host can only be reached from this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
