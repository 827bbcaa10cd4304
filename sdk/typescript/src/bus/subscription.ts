import { invalid } from '../errors/assertions.js'
import { ConnectionError } from '../errors/classes.js'
import { errorFromReply, isObject } from '../errors/from-reply.js'
import { ErrorTypes, statusOf } from '../errors/types.js'
import { toFilter } from '../events/filter.js'
import type { AnyEvent, EventFilter, ReadEvent } from '../events/types.js'
import { EventStreamParser, type Message } from '../http/event-stream.js'
import { Failure, refused } from '../http/failure.js'
import { path, type Request, type Transport } from '../http/transport.js'
import { backOffMs, linked, sleep } from '../http/waiting.js'

export interface FollowOptions {
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
   * unless they are told otherwise. Default 45,000.
   */
  idleTimeoutMs?: number
  /** How often in a row to connect again before the loop fails. Default: for ever. */
  retries?: number
  /** Called when everything up to a cursor has been given. */
  onCaughtUp?: (cursor: string) => void
  /** Called before each attempt to connect again, with why it is made. */
  onReconnect?: (error: unknown, attempt: number) => void
}

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
    if (options.after !== undefined && options.start !== undefined) throw invalid('give start or after, not both', 'after')
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
    const head = await this.transport.json<{ globalPosition: number; epoch: string }>({
      method: 'GET', path: path`/event-stores/${this.store}/head`, signal: this.controller.signal,
    })
    this.cursor = `${head.globalPosition}@${head.epoch}`
    this.position = head.globalPosition
  }

  private async *run(): AsyncGenerator<ReadEvent<E>, void, undefined> {
    const { signal } = this.controller
    const { retries = Infinity, onReconnect } = this.options
    try {
      await this.ready
      for (let attempt = 0; ; attempt++) {
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
        if (!failure.again || attempt >= retries) throw failure.error
        onReconnect?.(failure.error, attempt + 1)
        await sleep(failure.waitMs + backOffMs(attempt, this.transport.settings.retryDelayMs), signal)
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
      const timer = setTimeout(() => controller.abort(late), idle)
      try {
        return await wait
      } catch (thrown) {
        if (controller.signal.reason === late) throw late
        throw thrown instanceof Failure ? thrown : lost(this.transport.settings.baseUrl, 'broke off', thrown)
      } finally {
        clearTimeout(timer)
      }
    }
    try {
      const response = await timed(this.transport.open(this.request(), controller.signal))
      if (response.body === null) throw lost(this.transport.settings.baseUrl, 'has no content')
      const reader = response.body.getReader()
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
    }
  }

  private request(): Request {
    const { start, clientId } = this.options
    const fromDate = start instanceof Date && this.cursor === undefined ? start : undefined
    const filter = toFilter(this.filter)
    return {
      method: 'GET', path: path`/event-stores/${this.store}/events`, headers: { Accept: 'text/event-stream' },
      query: {
        filter: filter.items.length === 0 ? undefined : JSON.stringify(filter), after: this.cursor, fromDate, clientId,
      },
      subject: { kind: 'store', name: this.store },
    }
  }

  private take(message: Message): ReadEvent<E> | undefined {
    if (message.event === 'error') throw told(message.data)
    const event = message.event === 'message' && message.data !== undefined ? (JSON.parse(message.data) as ReadEvent<E>) : undefined
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
