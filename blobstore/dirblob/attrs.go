package dirblob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// attributes are kept beside a data file, as JSON.
type attributes struct {
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	ContentType        string            `json:"contentType"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	Size               int64             `json:"size"`
	SHA256             string            `json:"sha256,omitempty"`
	// Blocks of the content as blobstore.BlockHash has them, with the size that they
	// were made with. None of an object of one block, or of more than maxBlocks.
	Blocks    []byte `json:"blocks,omitempty"`
	BlockSize int64  `json:"blockSize,omitempty"`
	ETag      string `json:"etag"`
}

// maxBlocks bounds the attributes, which are read whenever the object is opened:
// 350 kB for an object of 32 GiB.
const maxBlocks = 8192

// defaults are the attributes of a file that has none beside it: one that was written
// plain, or not by the bucket.
func defaults(info fs.FileInfo) *attributes {
	return &attributes{
		ContentType: typeOf(info.Name()),
		Size:        info.Size(),
		ETag:        fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()),
	}
}

// typeOf is the content type of a file that has no attributes.
func typeOf(name string) string {
	switch filepath.Ext(name) {
	case ".json":
		return "application/json"
	case ".ndjson":
		return "application/x-ndjson"
	}
	return "application/octet-stream"
}

// plain reports whether attributes say no more than defaults does, apart from the digest
// and the ETag.
func (a *attributes) plain(name string) bool {
	return a.ContentType == typeOf(name) && len(a.Metadata) == 0 &&
		a.CacheControl == "" && a.ContentDisposition == "" && a.ContentEncoding == "" && a.ContentLanguage == ""
}

// beside is where the attributes of a generation of a data file lie.
func beside(name string, mtime time.Time) string {
	folder, base := filepath.Split(name)
	return folder + "." + base + "@" + strconv.FormatInt(mtime.UnixMicro(), 10)
}

// besideOf is where the attributes of a data file lie, while it still has its name; empty
// where it has none. Of a plain object that is gone another may have the generation.
func besideOf(name string, info fs.FileInfo) string {
	attrsName := beside(name, info.ModTime())
	if _, err := os.Lstat(attrsName); err != nil {
		return ""
	}
	return attrsName
}

// owner is the name of the data file whose attributes a hidden file holds; false
// for a temporary file, and for one that somebody else put there.
func owner(name string) (string, bool) {
	at := strings.LastIndexByte(name, '@')
	if at < 1 || !hidden(name) {
		return "", false
	}
	if _, ok := unname(name[1:at], false); !ok {
		return "", false
	}
	if _, err := strconv.ParseInt(name[at+1:], 10, 64); err != nil {
		return "", false
	}
	return name[1:at], true
}

// readAttributes returns the attributes of the file that info tells of, and
// fs.ErrNotExist if it has none.
func readAttributes(name string, info fs.FileInfo) (*attributes, error) {
	raw, err := os.ReadFile(beside(name, info.ModTime()))
	if err != nil {
		return nil, err
	}
	var a attributes
	if err := json.Unmarshal(raw, &a); err != nil || a.Size != info.Size() {
		return nil, fs.ErrNotExist // not of this content: it was changed by hand
	}
	return &a, nil
}

// writeAttributes writes attributes for a data file that is still to get its
// name, and returns their name and the generation that the data file must have.
// They are durable when it returns.
func writeAttributes(fsys fileSystem, name string, a *attributes) (string, time.Time, error) {
	raw, err := json.Marshal(a)
	if err != nil {
		return "", time.Time{}, err
	}
	f, mtime, err := reserve(fsys, name)
	if err != nil {
		return "", time.Time{}, err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", time.Time{}, errors.Join(err, fsys.Remove(f.Name()))
	}
	return f.Name(), mtime, nil
}

// reserve makes the file for the attributes of a generation that no other writer and no
// data file of that name has.
func reserve(fsys fileSystem, name string) (file, time.Time, error) {
	for {
		// A clock may be coarse; some jitter keeps racing writers apart, and
		// the file's creation decides.
		mtime := time.Now().Add(-time.Duration(rand.N(1000)) * time.Microsecond).Truncate(time.Microsecond)
		f, err := fsys.Create(beside(name, mtime))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		// A plain object has given its reservation up.
		if info, err := os.Lstat(name); err != nil || !info.ModTime().Equal(mtime) {
			return f, mtime, nil
		}
		if err := errors.Join(f.Close(), fsys.Remove(f.Name())); err != nil {
			return nil, time.Time{}, err
		}
	}
}
