package wire

// Headers, trailers and media types.
const (
	HeaderAPIKey         = "X-API-Key" //nolint:gosec // the header's name, not a key
	HeaderIdempotencyKey = "Idempotency-Key"
	HeaderPrefer         = "Prefer"
	HeaderLastEventID    = "Last-Event-ID"
	HeaderRetryAfter     = "Retry-After"
	HeaderETag           = "ETag"
	HeaderIfMatch        = "If-Match"
	HeaderIfNoneMatch    = "If-None-Match"

	// HeaderReadAsOf begins an ndjson stream: the log's end, as a cursor, that the read is as of. Nothing
	// behind it is given, so that a client whose stream was cut off can go on with the same bound.
	HeaderReadAsOf = "Nacre-As-Of"

	// TrailerEnd ends an ndjson stream that is whole: the position up to which it was read. A stream
	// without it was cut off.
	TrailerEnd = "Nacre-End"
	// TrailerError has the error body, one line, of an error behind the first byte.
	TrailerError = "Nacre-Error"

	// PreferMinimal is Prefer's value for appends whose reply leaves the events out.
	PreferMinimal = "return=minimal"

	// ParamAPIKey is the parameter that stands for HeaderAPIKey where a browser cannot set one. Every
	// parser of parameters passes over it.
	ParamAPIKey = "apiKey"

	// ParamClientID is what a follower calls itself in lists of followers; several may have one name.
	ParamClientID = "clientId"

	TypeJSON   = "application/json"
	TypeNDJSON = "application/x-ndjson"
	TypeSSE    = "text/event-stream"
)
