//go:build !linux

package main

// meter does not know how busy the processors are.
type meter struct{}

func newMeter() meter { return meter{} }

func (meter) busy() float64 { return -1 }
