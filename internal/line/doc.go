// Package line writes and reads the lines of the log: a body, a stamp, a checksum.
//
// [Checksum] and [Encoder.AppendStamp] make a line of a body that nacre.Event.AppendBody wrote. [Check]
// is what a copy to a socket needs: checksum and stamp. [Parse] gives a line's parts as a [View], and
// [View.Event] an event. [ParseImport] reads what people import. The format is spec/log-format.md, with
// vectors in spec/vectors/lines.json.
//
// Guarantees:
//
//  1. What AppendStamp wrote, Check and Parse take, and give the same parts back.
//  2. A line of which any bit was changed is refused by its checksum, by the odds of 32 bits; runs of up
//     to 32 changed bits always are.
//  3. No input makes anything here panic or read outside of it.
//  4. An owned event shares no memory with its line, and its Data and Metadata may be changed in place or
//     appended to without any other field changing.
//
// Functions are safe for concurrent use; an [Encoder] and a [View] belong to one goroutine at a time.
// Slices in a View are parts of the line that was parsed, and are valid as long as it is. Nothing here
// allocates, apart from owned events, and binary payloads and tags beyond what a View has room for.
//
// Lines are given and taken without their line feed, except that AppendStamp appends it. Times are
// microseconds since 1970 in UTC, of the years 1 to 9999.
//
// Errors are of the type [Rule]: which rule of the format the line breaks. Where it stands, the caller
// knows.
//
// What this package does not do: it does not check again what the checksum covers and a store checked
// before it wrote: that names are well-formed and that data is JSON. It looks at no limits.
package line
