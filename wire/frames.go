package wire

// AppendFrameEvent appends the WebSocket message {"event":LINE}.
func AppendFrameEvent(dst, line []byte) []byte { panic("later") }

// AppendFrameCaughtUp appends {"caughtUp":{"globalPosition":N,"cursor":"N@epoch"}}.
func AppendFrameCaughtUp(dst []byte, c Cursor) []byte { panic("later") }

// AppendFrameError appends {"error":{…}}; body is FromError's.
func AppendFrameError(dst, body []byte) []byte { panic("later") }

// ParseFrame reads a WebSocket message of a server; Line is part of it.
func ParseFrame(message []byte) (Frame, error) { panic("later") }

// DecodeSubscribe reads the first message of a WebSocket client: {"action":"subscribe","filter"?:{"items":[…]},
// "after"?: position or cursor}, or DeltaBase's {"action":"subscribe","eventFilter":"todo.*"}, whose filter may also
// be a list.
func DecodeSubscribe(message []byte) (ReadParams, error) { panic("later") }

// EncodeSubscribe appends the message that DecodeSubscribe reads.
func EncodeSubscribe(dst []byte, p *ReadParams) []byte { panic("later") }
