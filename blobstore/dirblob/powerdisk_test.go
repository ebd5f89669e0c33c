package dirblob

import (
	"math/rand/v2"
	"os"
	slash "path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// diskModel is what a file system may do with unsynced changes in a power loss. In all
// models the content of an unsynced file may be missing, truncated, or zero after any
// offset, and its time may not be set.
type diskModel string

const (
	// journalModel is ext4 with data=ordered: changes of names become durable in order,
	// and any sync makes all earlier ones durable.
	journalModel diskModel = "journal (ext4)"
	// namesModel: changes of names become durable in any order. A sync of a folder makes
	// its names durable, and one of a file its names and those of the folders above. This
	// is what package dirblob relies on.
	namesModel diskModel = "names in any order"
	// posixModel is the minimum that POSIX requires: like namesModel, but the sync of a
	// file makes only its content durable.
	posixModel diskModel = "POSIX at the least"
)

// inode is a file or a folder in the model.
type inode struct {
	folder bool
	names  map[string]*history // of a folder

	data       []byte // of a file
	mtime      time.Time
	durable    int // synced bytes
	durableSet bool
	durableAt  time.Time // synced modification time
}

// history has the values of a name, from the durable one to the one that programs see. A nil
// inode means that there was no such name.
type history struct {
	first  int // the number of values[0]
	values []*inode
}

func (h *history) last() *inode { return h.values[len(h.values)-1] }

// settle makes the value with the given number durable.
func (h *history) settle(n int) {
	if n > h.first {
		h.values = h.values[n-h.first:]
		h.first = n
	}
}

func (n *inode) see(name string) *inode {
	if h := n.names[name]; h != nil {
		return h.last()
	}
	return nil
}

func (n *inode) set(name string, value *inode) {
	h := n.names[name]
	if h == nil {
		h = &history{values: []*inode{nil}}
		n.names[name] = h
	}
	h.values = append(h.values, value)
}

func newFolder() *inode { return &inode{folder: true, names: map[string]*history{}} }

// promise is what a sync that has started makes durable when it ends.
type promise struct {
	history *history
	number  int
	file    *inode
	size    int
	at      time.Time
}

// disk is the state of a file system at a power loss.
type disk struct {
	model diskModel
	root  *inode
	files map[int]*inode
	syncs map[int][]promise // by the index of their start
}

// lose replays a trace up to the power loss. rng decides how far the journal was written.
func lose(model diskModel, steps []step, rng *rand.Rand) *disk {
	d := &disk{model: model, root: newFolder(), files: map[int]*inode{}, syncs: map[int][]promise{}}
	written := len(steps) // of the journal
	if model == journalModel {
		at := 0
		for _, s := range steps {
			if s.kind == stepFileSynced || s.kind == stepFolderSynced {
				at = max(at, s.began)
			}
		}
		written = at + rng.IntN(len(steps)-at+1)
	}
	for i, s := range steps {
		d.do(i, s, i < written)
	}
	return d
}

func (d *disk) folder(name string) *inode {
	n := d.root
	if name == "" || name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.see(part); n == nil {
			return nil
		}
	}
	return n
}

func (d *disk) find(name string) *inode { return d.folder(name) }

func (d *disk) set(name string, value *inode) { d.folder(slash.Dir(name)).set(slash.Base(name), value) }

func (d *disk) do(i int, s step, names bool) {
	switch s.kind {
	case stepWrite:
		if f := d.files[s.file]; f != nil {
			f.data = append(f.data, s.data...)
		}
	case stepSyncFile:
		if f := d.files[s.file]; f != nil {
			d.syncs[i] = append(d.syncs[i], promise{file: f, size: len(f.data), at: f.mtime})
			if d.model == namesModel {
				d.promiseNames(i, d.root, f)
			}
		}
	case stepSyncFolder:
		if n := d.folder(s.name); n != nil {
			for _, h := range n.names {
				d.syncs[i] = append(d.syncs[i], promise{history: h, number: h.first + len(h.values) - 1})
			}
		}
	case stepFileSynced, stepFolderSynced:
		for _, p := range d.syncs[s.began] {
			if p.history != nil {
				p.history.settle(p.number)
				continue
			}
			p.file.durable, p.file.durableSet, p.file.durableAt = p.size, true, p.at
		}
	default:
		if names {
			d.rename(s)
		}
	}
}

// rename makes a change of a name, or of a time.
func (d *disk) rename(s step) {
	switch s.kind {
	case stepMkdir:
		d.set(s.name, newFolder())
	case stepCreate:
		f := &inode{}
		d.files[s.file] = f
		d.set(s.name, f)
	case stepChtimes:
		d.find(s.name).mtime = s.mtime
	case stepLink:
		d.set(s.to, d.find(s.name))
	case stepRename:
		f := d.find(s.name)
		d.set(s.to, f)
		d.set(s.name, nil)
	case stepRemove:
		d.set(s.name, nil)
	}
}

// promiseNames promises the names of a file and of the folders above.
func (d *disk) promiseNames(i int, in *inode, file *inode) bool {
	found := false
	for _, h := range in.names {
		n := h.last()
		if n == file || n != nil && n.folder && d.promiseNames(i, n, file) {
			d.syncs[i] = append(d.syncs[i], promise{history: h, number: h.first + len(h.values) - 1})
			found = true
		}
	}
	return found
}

// luck decides which unsynced changes survive a power loss.
type luck int

const (
	nothing  luck = iota // neither names nor content
	allNames             // names but not content
	byChance
)

// write creates the tree that the next start finds.
func (d *disk) write(dir string, l luck, rng *rand.Rand) error {
	w := &treeWriter{model: d.model, luck: l, rng: rng, made: map[*inode]string{}}
	return w.folder(d.root, dir)
}

type treeWriter struct {
	model diskModel
	luck  luck
	rng   *rand.Rand
	made  map[*inode]string
}

func (w *treeWriter) folder(n *inode, dir string) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	names := make([]string, 0, len(n.names))
	for name := range n.names {
		names = append(names, name)
	}
	slices.Sort(names) // the same seed gives the same tree
	for _, name := range names {
		there := w.choose(n.names[name])
		to := filepath.Join(dir, name)
		var err error
		switch first, linked := w.made[there]; {
		case there == nil:
		case there.folder:
			err = w.folder(there, to)
		case linked:
			err = os.Link(first, to)
		default:
			w.made[there] = to
			err = w.file(there, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWriter) choose(h *history) *inode {
	switch {
	case w.model == journalModel || w.luck == allNames:
		return h.last()
	case w.luck == nothing:
		return h.values[0]
	}
	return h.values[w.rng.IntN(len(h.values))]
}

func (w *treeWriter) file(f *inode, name string) error {
	data, mtime := f.data, f.mtime
	if !f.durableSet || f.durable < len(data) {
		data = slices.Clone(data)
		from := f.durable + w.rng.IntN(len(data)-f.durable+1)
		switch how := w.rng.IntN(4); {
		case w.luck != byChance || how == 0:
			data = data[:f.durable]
		case how == 1:
			data = data[:from]
		case how == 2:
			clear(data[from:])
		}
	}
	if !f.durableSet || !f.durableAt.Equal(mtime) {
		if w.luck != byChance || w.rng.IntN(2) == 0 {
			mtime = f.durableAt
		}
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return err
	}
	if mtime.IsZero() {
		return nil
	}
	return os.Chtimes(name, mtime, mtime)
}
