package dirblob

import (
	"context"
	"errors"
)

// checkSize is how many bytes CheckWrite writes: more than small objects with their
// attributes need.
const checkSize = 64 << 10

// CheckWrite implements [blobstore.WriteChecker]. It writes a temporary file, which never
// becomes an object.
func (b *bucket) CheckWrite(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := b.fsys.CreateTemp(b.dir, b.owner())
	if err != nil {
		return b.missing(err)
	}
	defer b.cleanUp(f.Name())
	_, err = f.Write(make([]byte, checkSize))
	return errors.Join(err, f.Close())
}
