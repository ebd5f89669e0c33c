package main

import (
	"os"
	"strconv"
	"strings"
)

// meter measures how busy the machine's processors are, with everything that runs on them.
type meter struct{ idle, total float64 }

func newMeter() meter {
	idle, total := ticks()
	return meter{idle, total}
}

// busy returns the share of time since newMeter, below 0 if unknown.
func (m meter) busy() float64 {
	idle, total := ticks()
	if total <= m.total {
		return -1
	}
	return 1 - (idle-m.idle)/(total-m.total)
}

// ticks reads /proc/stat; see proc(5).
func ticks() (idle, total float64) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	first, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(first) {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			continue // the name
		}
		total += n
		if i == 4 || i == 5 { // idle and waiting for disks
			idle += n
		}
	}
	return idle, total
}
