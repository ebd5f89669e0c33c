package terminal

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Display shows how far concurrent tasks are: on a terminal in its last line, which is drawn
// again and again, and in a log by a line a second. It is safe for concurrent use. Write to
// its output directly only while no task is in progress.
type Display struct {
	out     io.Writer
	columns func() int    // of the terminal; nil without one
	every   time.Duration // between updates

	mu    sync.Mutex
	tasks []*Task   // in progress
	last  time.Time // time of the last output
}

// NewDisplay returns a Display on out.
func NewDisplay(out io.Writer) *Display {
	if _, ok := Width(out); !ok {
		return &Display{out: out, every: time.Second, last: time.Now()}
	}
	columns := func() int {
		n, _ := Width(out)
		return max(n, 20) // narrower is too narrow for anything
	}
	return &Display{out: out, columns: columns, every: redraw, last: time.Now()}
}

// Task is one piece of work.
type Task struct {
	display     *Display
	name, state string
}

// Start adds a task. Nothing is shown before its first Update.
func (d *Display) Start(name string) *Task {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &Task{display: d, name: name}
	d.tasks = append(d.tasks, t)
	return t
}

// Update sets how far the task is. Most updates are not shown: call it as often as you
// like.
func (t *Task) Update(format string, args ...any) {
	d := t.display
	d.mu.Lock()
	defer d.mu.Unlock()
	t.state = fmt.Sprintf(format, args...)
	if time.Since(d.last) >= d.every {
		d.draw()
	}
}

// Done removes the task, and prints text for good.
func (t *Task) Done(text string) {
	d := t.display
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks = slices.DeleteFunc(d.tasks, func(other *Task) bool { return other == t })
	if d.columns == nil {
		fmt.Fprint(d.out, text)
		d.last = time.Now()
		return
	}
	fmt.Fprint(d.out, eraseLine, text)
	d.draw()
}

// draw shows all tasks. The caller holds mu.
func (d *Display) draw() {
	d.last = time.Now()
	line, before := "", "  "
	for _, t := range d.tasks {
		if t.state != "" {
			line += before + t.name + ": " + t.state
			before = " | "
		}
	}
	if d.columns == nil {
		fmt.Fprintln(d.out, line)
		return
	}
	if runes, room := []rune(line), d.columns()-1; len(runes) > room {
		line = string(runes[:room-1]) + "…"
	}
	fmt.Fprint(d.out, eraseLine, line)
}
