//go:build unix

package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// payload is a payload to send. Ids of resources never repeat.
type payload struct {
	name string
	ids  []string
	body []byte
}

var padding = strings.Repeat("Synthetic text. ", 20)

func resource(id string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"text":{"status":"generated","div":"<div>%s</div>"}}`, id, padding)
}

// lines returns an NDJSON file.
func lines(name string, n int) payload {
	p := payload{name: name}
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		p.ids = append(p.ids, id)
		p.body = append(p.body, resource(id)+"\n"...)
	}
	return p
}

// bundle returns a batch Bundle.
func bundle(name string, n int) payload {
	p := payload{name: name}
	var entries []string
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		p.ids = append(p.ids, id)
		entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":"Patient/%s"}}`, resource(id), id))
	}
	p.body = fmt.Appendf(nil, `{"resourceType":"Bundle","type":"batch","entry":[%s]}`, strings.Join(entries, ","))
	return p
}

var idInLake = regexp.MustCompile(`"resourceType":"Patient","id":"([^"]+)"`)

// inLake checks that exactly the payload's resources are in the lake, once each.
func (s *scenario) inLake(ctx context.Context, id string, p payload) error {
	if s.objects.forgets {
		return nil // not accessible from outside; the job's outputs were counted
	}
	lake, err := s.tool(ctx, nil, "get", "processed/"+tenant+"/"+id+"/")
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, m := range idInLake.FindAllSubmatch(lake, -1) {
		times[string(m[1])]++
	}
	for _, id := range p.ids {
		if times[id] != 1 {
			return fmt.Errorf("resource %s is in the lake %d times", id, times[id])
		}
	}
	if len(times) != len(p.ids) {
		return fmt.Errorf("%d resources are in the lake, of %d that were sent", len(times), len(p.ids))
	}
	return nil
}
