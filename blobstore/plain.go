package blobstore

// Plain is a [blob.WriterOptions.BeforeWrite] for objects whose digest, ETag and metadata
// are not needed. A driver that would store these beside the object may then store only
// its content: package dirblob saves a file and a sync for each object. Drivers that don't
// know it ignore it.
//
// It has no effect on an object with metadata, or with a content type other than the one
// that the driver derives from the key.
func Plain(as func(any) bool) error {
	var hint *WriteHint
	if as(&hint) {
		hint.Plain = true
	}
	return nil
}

// WriteHint is what a driver that honors [Plain] passes to BeforeWrite, as a **WriteHint.
type WriteHint struct{ Plain bool }
