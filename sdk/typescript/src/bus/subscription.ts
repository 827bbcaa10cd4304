import { invalid } from '../errors/assertions.js'
import { toFilter } from '../events/filter.js'
import type { AnyEvent, EventFilter, ReadEvent } from '../events/types.js'
import type { Message } from '../http/event-stream.js'
import { Failure } from '../http/failure.js'
import { again, decoded, messages } from '../http/messages.js'
import { path, type Request, type Transport } from '../http/transport.js'
import { linked } from '../http/waiting.js'

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
        await again(this.transport, this.options, this.controller.signal, thrown, attempt)
      }
    }
  }

  private async *run(): AsyncGenerator<ReadEvent<E>, void, undefined> {
    const { signal } = this.controller
    try {
      await this.ready
      for await (const message of messages(this.transport, this.options, signal, () => this.request())) {
        const event = this.take(message)
        if (event !== undefined) yield event
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.controller.abort()
      this.unlink()
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
    const event = message.event === 'message' && message.data !== undefined
      ? decoded<ReadEvent<E>>(message.data, this.transport.settings.baseUrl) : undefined
    if (event !== undefined && event.globalPosition <= this.position) return undefined
    if (message.id !== undefined) this.cursor = message.id
    if (event !== undefined) this.position = event.globalPosition
    else if (message.event === 'caught-up' && message.id !== undefined) this.options.onCaughtUp?.(message.id)
    return event
  }
}
