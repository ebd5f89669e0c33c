package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// writeRules writes the table of all rules, a line for each.
func writeRules(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tLENIENT\tSTRICT\tMESSAGE\tSPECIFICATION")
	for _, r := range fhirbundle.Rules() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Code,
			r.Severity(fhirbundle.LevelLenient), r.Severity(fhirbundle.LevelStrict), r.Message, r.Spec)
	}
	return w.Flush() // returns the first error
}
