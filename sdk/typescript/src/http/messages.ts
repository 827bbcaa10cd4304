import { ConnectionError, SerializationError } from '../errors/classes.js'
import { errorFromReply, isObject } from '../errors/from-reply.js'
import { ErrorTypes, statusOf } from '../errors/types.js'
import { EventStreamParser, type Message } from './event-stream.js'
import { Failure, refused } from './failure.js'
import type { Request, Transport } from './transport.js'
import { backOffMs, later, linked, sleep, unlessAborted } from './waiting.js'

export interface MessagesOptions {
  idleTimeoutMs?: number
  retries?: number
  onReconnect?: (error: unknown, attempt: number) => void
}

// A connection that stood for so long was one, also where there was nothing to tell.
const steadyMs = 5_000

/**
 * The messages of a stream of server-sent events, over connections that are made anew when they break off: each is asked for by
 * what `request` gives then. It ends with the signal, and fails where to try again is of no use.
 */
export async function* messages(
  transport: Transport, options: MessagesOptions, signal: AbortSignal, request: () => Request,
): AsyncGenerator<Message, void, undefined> {
  for (let attempt = 0; ; attempt++) {
    const began = performance.now()
    let failure: Failure
    try {
      for await (const message of connection(transport, options, signal, request())) {
        if (message.event === 'error') throw told(message.data)
        if (message.event === 'message' && message.data !== undefined) attempt = 0
        yield message
      }
      failure = lost(transport.settings.baseUrl, 'was closed')
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      failure = thrown
    }
    if (signal.aborted) return
    if (performance.now() - began >= steadyMs) attempt = 0
    await again(transport, options, signal, failure, attempt)
  }
}

/** Waits before another attempt, behind the one with this number, from 0; throws where there is to be none. */
export async function again(
  transport: Transport, options: MessagesOptions, signal: AbortSignal, failure: Failure, attempt: number,
): Promise<void> {
  const { retries = Infinity, onReconnect } = options
  if (!failure.again || attempt >= retries) throw failure.error
  onReconnect?.(failure.error, attempt + 1)
  await sleep(failure.waitMs + backOffMs(attempt, transport.settings.retryDelayMs), signal)
}

/** The messages of one connection. */
async function* connection(
  transport: Transport, options: MessagesOptions, signal: AbortSignal, request: Request,
): AsyncGenerator<Message, void, undefined> {
  const { controller, unlink } = linked(signal)
  const { baseUrl } = transport.settings
  const idle = options.idleTimeoutMs ?? 45_000
  const late = lost(baseUrl, `gave no sign of life for ${idle} ms`)
  // Counts only while the server is waited for, however long the loop takes for a message.
  const timed = async <T>(wait: Promise<T>): Promise<T> => {
    const alive = later(idle, () => controller.abort(late))
    try {
      return await unlessAborted(wait, controller.signal)
    } catch (thrown) {
      if (controller.signal.reason === late) throw late
      throw thrown instanceof Failure ? thrown : lost(baseUrl, 'broke off', thrown)
    } finally {
      alive()
    }
  }
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  try {
    const response = await timed(transport.open(request, controller.signal))
    if (!/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) throw foreign(baseUrl)
    if (response.body === null) throw lost(baseUrl, 'has no content')
    reader = response.body.getReader()
    const parser = new EventStreamParser()
    for (;;) {
      const { done, value } = await timed(reader.read())
      if (done) return
      yield* parser.push(value)
    }
  } finally {
    unlink()
    controller.abort() // ends the connection, whatever it was doing
    void reader?.cancel().catch(() => {}) // also of a fetch that does not look at signals
  }
}

/** What the data of a message says. */
export function decoded<T>(data: string, baseUrl: string): T {
  try {
    return JSON.parse(data) as T
  } catch (cause) {
    throw foreign(baseUrl, cause).error
  }
}

function lost(baseUrl: string, how: string, cause?: unknown): Failure {
  const error = new ConnectionError(`the connection to ${baseUrl} ${how}`, { status: 0, errorType: ErrorTypes.CONNECTION, cause })
  return new Failure(error, true, false)
}

function foreign(baseUrl: string, cause?: unknown): Failure {
  const error = new SerializationError(`the answer of ${baseUrl} is no stream of events: it may be no server of nacre`, {
    status: 200, errorType: ErrorTypes.SERIALIZATION, cause,
  })
  return new Failure(error, false, false)
}

// The failure that a stream of events tells as its last word.
function told(data: string | undefined): Failure {
  let body: unknown
  try {
    body = JSON.parse(data ?? '')
  } catch {
    body = data
  }
  const code = isObject(body) ? body['error'] : undefined
  const statuses: Record<string, number> = statusOf
  return refused(errorFromReply((typeof code === 'string' ? statuses[code] : undefined) ?? 500, body), 0)
}
