/** One message of a stream of server-sent events. */
export interface Message {
  /** The last id that was told, of this message or of one before it. */
  id: string | undefined
  /** The kind of message; `message` unless told otherwise. */
  event: string
  /** Absent for an id that came without data, from which a reader can go on. */
  data: string | undefined
}

/** Reads server-sent events from the pieces that they arrive in. */
export class EventStreamParser {
  private readonly decoder = new TextDecoder()
  private rest = ''
  private id: string | undefined
  private idTold = false
  private event = ''
  private data: string[] = []

  /** Takes a piece, and gives the messages that it completes. */
  push(piece: Uint8Array): Message[] {
    const text = this.decoder.decode(piece, { stream: true })
    if (!text.includes('\n')) {
      this.rest += text
      return []
    }
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() ?? ''
    const messages: Message[] = []
    for (const line of lines) {
      const message = this.line(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (message !== undefined) messages.push(message)
    }
    return messages
  }

  private line(line: string): Message | undefined {
    if (line === '') return this.dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') this.data.push(value)
    else if (field === 'event') this.event = value
    else if (field === 'id' && !value.includes('\0')) {
      this.id = value
      this.idTold = true
    }
    return undefined
  }

  private dispatch(): Message | undefined {
    const { id, idTold, event, data } = this
    this.idTold = false
    this.event = ''
    this.data = []
    if (data.length === 0) return idTold ? { id, event: 'message', data: undefined } : undefined
    return { id, event: event === '' ? 'message' : event, data: data.join('\n') }
  }
}
