package diskspace

// Free returns how many bytes of the disk are free now, including reserved ones, or the
// system's error. If the free space is unknown, it is 1 EiB or more; see [Open].
func (d *Disk) Free() (int64, error) { return d.free() }

// Floor returns how many bytes of the disk must stay free.
func (d *Disk) Floor() int64 { return d.floor }
