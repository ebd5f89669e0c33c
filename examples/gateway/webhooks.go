package main

import (
	"fmt"
	"strings"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

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
