package terminal

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	d := NewDisplay(&out)
	d.every = 0 // show each update
	a, b := d.Start("a"), d.Start("b")
	a.Update("%d%% sent", 25)
	b.Update("half done")
	a.Done("a is done\n")
	b.Done("b is done\n")
	require.Equal(t, "  a: 25% sent\n  a: 25% sent | b: half done\na is done\nb is done\n", out.String())
}

func TestMostUpdatesAreNotShown(t *testing.T) {
	var out bytes.Buffer
	d := NewDisplay(&out)
	d.every = time.Hour
	task := d.Start("a")
	for range 1000 {
		task.Update("working")
	}
	task.Done("done\n")
	require.Equal(t, "done\n", out.String())
}

// On a terminal there is one line below all others, never wider than the terminal.
func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	d := &Display{out: &out, columns: func() int { return 20 }}
	a, b := d.Start("a"), d.Start("b")
	a.Update("25%% sent")
	b.Update("all is processed")
	a.Done("a is done\n")
	b.Done("b is done\n")
	require.Equal(t, eraseLine+"  a: 25% sent"+
		eraseLine+"  a: 25% sent | b:…"+
		eraseLine+"a is done\n"+eraseLine+"  b: all is proces…"+
		eraseLine+"b is done\n"+eraseLine, out.String())
}
