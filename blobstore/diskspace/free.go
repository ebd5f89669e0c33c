package diskspace

// Free returns how many bytes of the disk are free now, reserved ones included, as the
// system says; the system's error if it can't be read. It is 1 EiB or more where the free
// space is not known; see [Open].
func (d *Disk) Free() (int64, error) { return d.free() }

// Floor returns how many bytes of the disk have to stay free.
func (d *Disk) Floor() int64 { return d.floor }
