// Package dirblob implements a durable gocloud.dev/blob bucket in a folder: acknowledged
// writes survive a power loss, and of concurrent create-only writes of an object exactly one
// succeeds.
//
// # URLs
//
// For blob.OpenBucket, dirblob registers the scheme "dir":
//
//	dir:///var/lib/fhirdock            an absolute path
//	dir://./data                       a path below the working directory
//	dir:///C:/data                     a path on Windows
//
// Parameters: create_dir=true creates the folder if missing; base_url and secret_key_path
// let the bucket sign URLs (see package signedurl). Any other parameter is an error.
//
// # Files
//
// The key a/b/Patient.ndjson is the file a/b/Patient.ndjson, with exactly the object's
// content. Names that may be invalid on a file system are encoded: a byte outside of
// [A-Za-z0-9._-] as %XX, and "~" is appended to the names of files without a dot and of
// folders with one, so that the keys "p" and "p/q" can exist together. An encoded part of a
// key has at most 220 bytes, and an encoded key at most 3,000; longer ones are
// gcerrors.InvalidArgument. Keys that differ only in case need a case-sensitive file system.
//
// Names that begin with a dot are reserved. A file's attributes (content type, metadata,
// digests) are in a second file, .name@generation, where the generation is the modification
// time of the data file in microseconds. The writer chooses one that no other attributes of
// the key have. The attributes are durable before the data file gets its name, so that
// attributes and content are always from the same write. A file that was put into the
// folder or changed by hand has default attributes, with a content type by its extension:
// application/json for .json, application/x-ndjson for .ndjson, otherwise
// application/octet-stream. An object written with blobstore.Plain as its BeforeWrite is
// such a file, without a second one. The digest is a SHA-256 (blobstore.Digest, through As).
// There is no MD5, which is slow and not used by fhirdock.
//
// # Durability
//
// An object is written to a temporary file in its folder. The file and its attributes are
// synced, the file gets its name by link (create-only) or rename, and the folder is synced,
// as are the parents of new folders. An object is visible as a whole or not at all. This
// relies on the sync of a new file including its name and those of the folders above it, as
// on ext4, XFS, Btrfs, APFS and NTFS. On other file systems, a power loss may cost the
// attributes of an object that is being written and not acknowledged yet. If several
// processes have the folder open, it may also cost those of an acknowledged object in a
// folder that was emptied by one process and is being recreated by another. Windows can't
// sync folders; there durability depends on NTFS's journal. TestPowerLoss simulates a power
// loss after each step.
//
// Copies and backups of the folder must keep modification times to the microsecond: use
// cp -a, rsync -a or tar --format=posix. With cp -r or tar's default format, objects lose
// their attributes: content type, metadata and digest. Accepted jobs are still processed,
// because their records have the digest of the payload, but uploads that were not accepted
// yet are rejected, because they have no content type. On Windows, an object can't be
// replaced or deleted while it is being read.
//
// An open bucket removes files left by crashes. It walks all folders in the background when
// it is opened and every 24 hours. It removes temporary files of dead processes at once, and
// other temporary files, and attributes without a data file, when they are a day old. Each
// process that has opened the bucket holds a lock on a file in the folder .alive; it is dead
// if the file exists and is not locked. On file systems whose locks prove nothing, such as
// NFS, all files are kept for a day. See package alive.
package dirblob
