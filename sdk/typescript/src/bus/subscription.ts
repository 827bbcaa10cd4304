import { invalid } from '../errors/assertions.js'
import { ConnectionError, SerializationError } from '../errors/classes.js'
import { errorFromReply, isObject } from '../errors/from-reply.js'
import { ErrorTypes, statusOf } from '../errors/types.js'
import { toFilter } from '../events/filter.js'
import type { AnyEvent, EventFilter, ReadEvent } from '../events/types.js'
import { EventStreamParser, type Message } from '../http/event-stream.js'
import { Failure, refused } from '../http/failure.js'
import { path, type Request, type Transport } from '../http/transport.js'
import { backOffMs, later, linked, sleep, unlessAborted } from '../http/waiting.js'

export interface FollowOptions {
  /** A condition beside the filter, in the query language: `data.total > 100 AND tags CONTAINS 'vip'`. */
  where?: string
  /** Where to begin: with the first event, behind the last one, or with what was created then. Default `earliest`. */
  start?: 'earliest' | 'latest' | Date
  /** Begin behind this global position or cursor, in place of `start`. A cursor is checked to be of this log's history. */
  after?: number | string
  /** Ends the subscription; its loop ends without an error. */
  signal?: AbortSignal
  /** What this follower is called in the server's list of connections. */
  clientId?: string
  /**
   * Milliseconds without a sign of life behind which the connection is made anew. Servers give one every 15 seconds
   * unless they are told otherwise. Infinity is to wait for ever. Default 45,000.
   */
  idleTimeoutMs?: number
  /** How often in a row, without an event or five seconds of connection, to connect again before the loop fails. Default: for ever. */
  retries?: number
  /** Called when everything up to a cursor has been given. */
  onCaughtUp?: (cursor: string) => void
  /** Called before each attempt to connect again, with why it is made. */
  onReconnect?: (error: unknown, attempt: number) => void
}

// A connection that stood for so long was one, also where there was nothing to tell.
const steadyMs = 5_000

/**
 * A store's events, from history into the present: `for await (const event of subscription)`. A connection that breaks
 * off is made anew, and goes on behind the last event that was given, without gap or repeat. It ends by `break`, by
 * {@link close}, or by its signal; and fails where to try again is of no use, such as with LOG_REWOUND. It is read by one
 * loop, and asks the server for more as fast as that takes it.
 */
export class EventSubscription<E extends AnyEvent = AnyEvent> implements AsyncIterableIterator<ReadEvent<E>> {
  /** Where it stands: give it as `after` to go on later. Undefined before the first event. */
  cursor: string | undefined
  /** Resolves when it is known where to begin, from when on no event is missed; rejects where that failed. */
  readonly ready: Promise<void>

  private position = 0
  private readonly events: AsyncGenerator<ReadEvent<E>, void, undefined>
  private readonly controller: AbortController
  private readonly unlink: () => void

  constructor(
    private readonly transport: Transport, private readonly store: string, private readonly filter: EventFilter | undefined,
    private readonly options: FollowOptions,
  ) {
    const { after, start, idleTimeoutMs = 1 } = options
    if (after !== undefined && start !== undefined) throw invalid('give start or after, not both', 'after')
    if (!(idleTimeoutMs >= 1)) throw invalid(`idleTimeoutMs is ${idleTimeoutMs}: give 1 at least`, 'idleTimeoutMs')
    toFilter(filter) // a wrong one is told here
    const { controller, unlink } = linked(options.signal)
    this.controller = controller
    this.unlink = unlink
    this.cursor = options.after === undefined ? undefined : String(options.after)
    this.ready = options.start === 'latest' ? this.toEnd() : Promise.resolve()
    this.ready.catch(() => {}) // the loop tells it
    this.events = this.run()
  }

  async next(): Promise<IteratorResult<ReadEvent<E>, void>> {
    return this.events.next()
  }

  /** Ends the subscription, which its loop sees as the end. */
  async return(): Promise<IteratorResult<ReadEvent<E>, void>> {
    await this.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the subscription, also while its loop waits. */
  async close(): Promise<void> {
    this.controller.abort()
    this.unlink()
    await this.events.return()
  }

  private async toEnd(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const { body } = await this.transport.send({
          method: 'GET', path: path`/event-stores/${this.store}/head`, signal: this.controller.signal, retries: 0,
        })
        const head = body as { globalPosition: number; epoch: string }
        this.cursor = `${head.globalPosition}@${head.epoch}`
        this.position = head.globalPosition
        return
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        await this.again(thrown, attempt)
      }
    }
  }

  /** Waits before another attempt, behind the one with this number, from 0; throws where there is to be none. */
  private async again(failure: Failure, attempt: number): Promise<void> {
    const { retries = Infinity, onReconnect } = this.options
    if (!failure.again || attempt >= retries) throw failure.error
    onReconnect?.(failure.error, attempt + 1)
    await sleep(failure.waitMs + backOffMs(attempt, this.transport.settings.retryDelayMs), this.controller.signal)
  }

  private async *run(): AsyncGenerator<ReadEvent<E>, void, undefined> {
    const { signal } = this.controller
    try {
      await this.ready
      for (let attempt = 0; ; attempt++) {
        const began = performance.now()
        let failure: Failure
        try {
          for await (const event of this.connection()) {
            attempt = 0
            yield event
          }
          failure = lost(this.transport.settings.baseUrl, 'was closed')
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown
          failure = thrown
        }
        if (signal.aborted) return
        if (performance.now() - began >= steadyMs) attempt = 0
        await this.again(failure, attempt)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.controller.abort()
      this.unlink()
    }
  }

  /** The events of one connection. */
  private async *connection(): AsyncGenerator<ReadEvent<E>, void, undefined> {
    const { controller, unlink } = linked(this.controller.signal)
    const idle = this.options.idleTimeoutMs ?? 45_000
    const late = lost(this.transport.settings.baseUrl, `gave no sign of life for ${idle} ms`)
    // Counts only while the server is waited for, however long the loop takes for an event.
    const timed = async <T>(wait: Promise<T>): Promise<T> => {
      const alive = later(idle, () => controller.abort(late))
      try {
        return await unlessAborted(wait, controller.signal)
      } catch (thrown) {
        if (controller.signal.reason === late) throw late
        throw thrown instanceof Failure ? thrown : lost(this.transport.settings.baseUrl, 'broke off', thrown)
      } finally {
        alive()
      }
    }
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
    try {
      const response = await timed(this.transport.open(this.request(), controller.signal))
      if (!/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) throw foreign(this.transport.settings.baseUrl)
      if (response.body === null) throw lost(this.transport.settings.baseUrl, 'has no content')
      reader = response.body.getReader()
      const parser = new EventStreamParser()
      for (;;) {
        const { done, value } = await timed(reader.read())
        if (done) return
        for (const message of parser.push(value)) {
          const event = this.take(message)
          if (event !== undefined) yield event
        }
      }
    } finally {
      unlink()
      controller.abort() // ends the connection, whatever it was doing
      void reader?.cancel().catch(() => {}) // also of a fetch that does not look at signals
    }
  }

  private request(): Request {
    const { start, clientId, where } = this.options
    const fromDate = start instanceof Date && this.cursor === undefined ? start : undefined
    const filter = toFilter(this.filter)
    return {
      method: 'GET', path: path`/event-stores/${this.store}/events`, headers: { Accept: 'text/event-stream' },
      query: {
        filter: filter.items.length === 0 ? undefined : JSON.stringify(filter), where, after: this.cursor, fromDate, clientId,
      },
      subject: { kind: 'store', name: this.store },
    }
  }

  private take(message: Message): ReadEvent<E> | undefined {
    if (message.event === 'error') throw told(message.data)
    const event = message.event === 'message' && message.data !== undefined
      ? read<ReadEvent<E>>(message.data, this.transport.settings.baseUrl) : undefined
    if (event !== undefined && event.globalPosition <= this.position) return undefined
    if (message.id !== undefined) this.cursor = message.id
    if (event !== undefined) this.position = event.globalPosition
    else if (message.event === 'caught-up' && message.id !== undefined) this.options.onCaughtUp?.(message.id)
    return event
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

function read<T>(data: string, baseUrl: string): T {
  try {
    return JSON.parse(data) as T
  } catch (cause) {
    throw foreign(baseUrl, cause)
  }
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
