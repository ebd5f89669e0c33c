package blobstore

// Plain is a [blob.WriterOptions.BeforeWrite] for objects whose digest, ETag and metadata
// nobody asks for. A driver that would keep these beside the object may then keep nothing
// but its content: package dirblob saves a file and a sync for each object. Drivers that
// don't know it ignore it.
//
// It has no effect on an object with metadata, or with a content type other than the one
// that the driver takes from the key.
func Plain(as func(any) bool) error {
	var hint *WriteHint
	if as(&hint) {
		hint.Plain = true
	}
	return nil
}

// WriteHint is what a driver offers to a BeforeWrite, as a **WriteHint, if it minds
// [Plain].
type WriteHint struct{ Plain bool }
