// Package file writes the events of a subscription into a file, a line each, and begins a new one by size and by time.
//
// [New] makes the kind "file", which a hub is given. Its configuration is
//
//	{"path":"orders/all.ndjson","maxBytes":104857600,"maxAgeSeconds":86400,"keep":30,"compress":true}
//
// of which path is needed. What is written now is at path, and what was written before stands beside it, in
// "orders/all-20261120T185520Z-000001.ndjson" and so on, numbered in order; with compress, ".gz" is behind that.
//
//  1. When Send returns, the lines of the batch are synced, and so are the names of their file and its folders.
//  2. A line is an event's whole line. Lines stand in the order of the sends. A batch is in one file.
//  3. What a crash left behind the last whole line is cut when the file is next written to; the events come again. Where
//     what is cut has whole lines, behind one that is damaged, all of it is first kept in a file with "-cut-" in its
//     name, and told to the logger.
//  4. A sender holds "path.lock": another that writes to the same path, in this process or in another, gets an error.
//  5. A file that is moved away is not written to any more: the next batch begins a new one.
//  6. No path leads out of the folder of the options, unless they allow absolute ones. Symbolic links in that folder are
//     followed: who makes them says where files may be.
//
// Batches may be sent from many goroutines; those that wait are written and synced together. Compressing and removing
// old files goes on beside, and ends with Close. Sizes are bytes. Age is looked at when something is sent, and counts
// from when the file began; where only an earlier process knew that, from the last rotation that names tell of.
//
// Batches that are sent again are written again: an event's position and id tell. It writes nothing but event lines, and
// keeps no cursor: that is the hub's.
package file
