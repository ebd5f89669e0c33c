//go:build (amd64 || arm64) && !fhirdock_safe && !purego

package fhirbundle

import "unsafe"

// What of this package goes around the checks of indices is in this file and in
// [scanner.nested], its only caller, which sees to it that they would hold.
// The build tags fhirdock_safe and purego leave both out.

// margin is how many bytes nested may load ahead of a place that it compared
// with the end.
const margin = 128

// text is data that can be loaded from without a check.
func textOf(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }

// byteAt returns the byte i of the data at p.
func byteAt(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

// wordAt returns the eight bytes from i on of the data at p, the first one lowest.
func wordAt(p unsafe.Pointer, i int) uint64 { return *(*uint64)(unsafe.Add(p, i)) }
