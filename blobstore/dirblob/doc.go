// Package dirblob is a folder as a durable gocloud.dev/blob bucket: what was
// written and acknowledged is there after a power loss, and of writers that race
// to create an object exactly one wins.
//
// # URLs
//
// For blob.OpenBucket, dirblob registers the scheme "dir":
//
//	dir:///var/lib/fhirdock            an absolute path
//	dir://./data                       a path below the working directory
//	dir:///C:/data                     a path on Windows
//
// Parameters: create_dir=true makes the folder where there is none; base_url and
// secret_key_path let the bucket sign URLs (see package signedurl). Any other
// parameter is an error.
//
// # Files
//
// The key a/b/Patient.ndjson is the file a/b/Patient.ndjson, with exactly the
// object's content. Parts of keys that a file system could take amiss are
// written otherwise: a byte outside of [A-Za-z0-9._-] as %XX, and a "~" is
// appended to the names of files without a dot and of folders with one, so that
// the keys "p" and "p/q" can stand side by side. A part of a key must not be
// longer than 220 bytes when it is written so, nor a key longer than 3,000;
// gcerrors.InvalidArgument if it is. Keys that differ in upper and lower case
// only need a file system that tells them apart.
//
// Names that begin with a dot are the bucket's own. A file's attributes (content
// type, metadata, digests) lie in a file beside it, .name@generation, where the
// generation is the modification time of the data file in microseconds: the
// writer chooses one that no attributes of the key have. The attributes are
// durable before the data file gets its name, so that attributes and content are
// always of one write. A file that was put into the folder or changed by hand has
// default attributes, with a content type by its extension: application/json for .json,
// application/x-ndjson for .ndjson, otherwise application/octet-stream. An object written
// with blobstore.Plain as its BeforeWrite is such a file: it takes one instead of two. The digest is SHA-256 (blobstore.Digest, through As); there is
// no MD5, which would cost more than all else and which nothing here asks for.
//
// # Durability
//
// A write goes to a temporary file in the object's own folder; the file and its
// attributes are synced, the file gets its name by link (create-only) or rename,
// and the folder is synced, as are the parents of new folders. An object is
// visible as a whole or not at all. This relies on the sync of a new file keeping
// its name too, and those of the folders above it, as ext4, XFS, Btrfs, APFS and NTFS
// do. On one that keeps the content only, an object that was being written, and
// acknowledged to nobody, may lose its attributes in a power loss; and where several
// processes have the folder open, an acknowledged one in a folder of which one process
// removed the last object and another is making it again. Windows can't sync folders;
// there it is left to NTFS's journal. TestPowerLoss cuts the power at each step.
//
// A copy of the folder, or a backup that is restored, needs the modification times
// to the microsecond: cp -a, rsync -a or tar --format=posix keep them. With others,
// such as cp -r or tar's usual format, the objects lose their attributes: content type,
// metadata, digest. Jobs that were accepted are worked on all the same, since their
// records have the digest of their payload; uploads that no job has accepted yet are
// refused, for they have no content type. On Windows, an object that is being read can't
// be replaced or deleted.
//
// An open bucket removes what a crash left behind. It walks all folders in the background
// when it is opened and every 24 hours after that. Temporary files of a process that is
// known to be dead go at once; others, and attributes without a file, go when they are a
// day old. Each process that has the bucket open holds a lock on a file in the
// folder .alive, and is dead when the lock is free and the file there; on file systems whose
// locks prove nothing, such as NFS, all is left for a day. See package alive.
package dirblob
