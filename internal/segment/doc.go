// Package segment reads, judges and compresses the files of a log, apart from what a driver decides.
//
// [Scan] is recovery's procedure: it tells whether a segment is clean, torn or damaged, and gives its
// events. [ScanDamaged] gives what is good in a damaged one. [NewReader] reads lines in order, forwards
// or backwards. [Compress] makes a segment's zstd form, and [OpenZstd] reads it. [Sum] is a segment's
// SHA-256. [Manifest], [Mark] and [AppendBlob] are the log's other files. All of it follows
// spec/log-format.md.
//
// Guarantees:
//
//  1. Scan judges only what it reads and what it is told to be durable, and changes nothing. What a
//     crash left, by the rules for disks in the specification, is never called damage; a position that
//     is known to be durable is never behind what it calls torn.
//  2. Scan gives a batch's lines when the whole batch is valid, and never a part of a batch.
//  3. A compressed segment gets its name only after it was read back and found equal to the raw one.
//  4. A flipped bit in a compressed segment, a manifest, a mark or a blob is told.
//
// Readers of files ([Zstd]) may be used from many goroutines; a [Reader] belongs to one. Lines that are
// given are borrowed: they are valid until the next one is asked for, or until the callback returns.
// Memory is a chunk of at most a mebibyte for each scan and a quarter of one for each reader, and more
// only where a line or a batch is longer; a Zstd keeps at most 8 frames.
//
// Sizes and offsets are bytes; offsets into a compressed segment are those of its uncompressed bytes.
// Damage is a *nacre.DamageError with file, line and byte.
//
// What this package does not do: it repairs nothing, and holds no locks and no open files.
package segment
