package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/samples"
)

// result is the outcome of a payload.
type result struct {
	samples.Payload
	id  string         // the job's, if any
	job *frontdoor.Job // at its end; nil if err is not
	err error          // why it did not finish
}

// uploaded reports whether the payload is sent by signed upload, not by webhook.
func (r *result) uploaded() bool {
	return r.ContentType == samples.TypeNDJSON || r.Size > webhookLimit
}

// failed is the status of a payload whose outcome is not the expected one.
const failed = "FAILED"

// outcome returns the status of the payload, and what there is to say about it.
func (r *result) outcome() (status, why string) {
	refusal, refused := errors.AsType[*frontdoor.Refusal](r.err)
	switch {
	case errors.Is(r.err, context.Canceled):
		return "interrupted", ""
	case refused && refusal.Status == 400 && refusal.Message == r.Refusal:
		return "refused", r.err.Error() + " (as it should be)"
	case r.err != nil:
		return failed, r.err.Error()
	case r.Refusal != "":
		return failed, "it was accepted, and should have been refused"
	case r.job.Status != "completed":
		return failed, strings.TrimSuffix("the job is "+r.job.Status+": "+r.job.Error, ": ")
	}
	why = byType(r.job.ResourceCount)
	if n := len(r.job.Issues); n > 0 {
		why += fmt.Sprintf(" (%s, the first: %s, at %s)", number(int64(n), "warning"), r.job.Issues[0].Message, r.job.Issues[0].Path)
	}
	return "completed", why
}

// columns is the format of the table of results. The payload is last because paths are
// long.
const columns = "%-11s  %7s  %10s  %8s  %9s  %s\n"

// row formats the result for the table, with details on lines of their own.
func (r *result) row() string {
	status, why := r.outcome()
	resources, rejected, speed := "-", "-", "-"
	if r.job != nil {
		resources, rejected = humanize.Comma(r.job.Progress.Done), humanize.Comma(r.job.Progress.Rejected)
		speed = rate(r.Size, r.job.FinishedAt.Sub(r.job.CreatedAt)) // by the server's clock
	}
	row := fmt.Sprintf(columns, status, humanize.Bytes(uint64(r.Size)), resources, rejected, speed, r.Name)
	how := "by webhook"
	if r.uploaded() {
		how = "by signed upload"
	}
	if r.id != "" {
		how += ", job " + r.id
	}
	row += "    " + how + "\n"
	if why != "" {
		row += "    " + why + "\n"
	}
	return row
}

// byType lists the most frequent types of resources.
func byType(count map[string]int64) string {
	if len(count) == 0 {
		return "no resources"
	}
	types := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	const most = 3
	var list []string
	for _, t := range types[:min(most, len(types))] {
		list = append(list, t+" "+humanize.Comma(count[t]))
	}
	if len(types) > most {
		list = append(list, number(int64(len(types)-most), "more type"))
	}
	return strings.Join(list, ", ")
}

// rate formats bytes a second.
func rate(bytes int64, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return humanize.Bytes(uint64(float64(bytes)/d.Seconds())) + "/s"
}

// number formats a count with its noun in the singular or plural.
func number(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return humanize.Comma(n) + " " + thing
}
