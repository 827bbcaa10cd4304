import { decoded, messages } from '../http/messages.js'
import type { QueryValue, Request, Transport } from '../http/transport.js'
import { linked } from '../http/waiting.js'
import type { Values } from './types.js'

/** A change of a result, which is a list: see {@link LiveList.apply} for what `index` is. */
export type LiveChange<V extends object = Values> =
  | { kind: 'initial' | 'add' | 'update' | 'move'; id: string; row: Partial<V>; index: number }
  | { kind: 'remove'; id: string; row?: undefined; index: number }

/** What became of the result of a live query: changes of rows, or the whole table of a query with columns. */
export interface LiveNotice<V extends object = Values> {
  /** Where in the log the result is the query's. */
  position: number
  /** What was told before counts no more: the changes are all rows. */
  reset?: boolean
  changes?: LiveChange<V>[]
  columns?: string[]
  rows?: unknown[][]
}

export interface LiveOptions {
  /** The values of `:name`, which count as what they are compared with; a list of several goes with IN. */
  named?: Record<string, string | number | boolean | readonly (string | number)[]>
  /** Ends the query; its loop ends without an error. */
  signal?: AbortSignal
  /** Milliseconds without a sign of life behind which the connection is made anew. Default 45,000. */
  idleTimeoutMs?: number
  /** How often in a row to connect again before the loop fails. Default: for ever. */
  retries?: number
  /** Called before each attempt to connect again, with why it is made. */
  onReconnect?: (error: unknown, attempt: number) => void
}

/**
 * A query whose result is followed: `for await (const notice of albums.live('year > 2000 ORDER BY year'))`. The first notice has all
 * rows. A connection that breaks off is made anew, and the notice behind that is a `reset` with all rows. It ends by `break`, by
 * {@link close}, or by its signal; and fails where to try again is of no use. It is read by one loop; who is slow is told at
 * once what has changed meanwhile.
 */
export class LiveQuery<V extends object = Values> implements AsyncIterableIterator<LiveNotice<V>> {
  private readonly notices: AsyncGenerator<LiveNotice<V>, void, undefined>
  private readonly controller: AbortController
  private readonly unlink: () => void
  private position: number | undefined

  constructor(
    private readonly transport: Transport, private readonly address: string, private readonly query: string, private readonly options: LiveOptions,
  ) {
    const { controller, unlink } = linked(options.signal)
    this.controller = controller
    this.unlink = unlink
    this.notices = this.run()
  }

  async next(): Promise<IteratorResult<LiveNotice<V>, void>> {
    return this.notices.next()
  }

  /** Ends the query, which its loop sees as the end. */
  async return(): Promise<IteratorResult<LiveNotice<V>, void>> {
    await this.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the query, also while its loop waits. */
  async close(): Promise<void> {
    this.controller.abort()
    this.unlink()
    await this.notices.return()
  }

  /** The result itself, as it is now and again whenever it has become another one. Of a query without columns. */
  async *lists(): AsyncGenerator<LiveList<V>, void, undefined> {
    const list = new LiveList<V>()
    for await (const notice of this) {
      list.apply(notice)
      yield list
    }
  }

  private async *run(): AsyncGenerator<LiveNotice<V>, void, undefined> {
    const { signal } = this.controller
    try {
      for await (const message of messages(this.transport, this.options, signal, () => this.request())) {
        if (message.event !== 'message' || message.data === undefined) continue
        const notice = decoded<LiveNotice<V>>(message.data, this.transport.settings.baseUrl)
        this.position = notice.position
        yield notice
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.controller.abort()
      this.unlink()
    }
  }

  private request(): Request {
    const query: Record<string, QueryValue> = { q: this.query, after: this.position }
    for (const [name, value] of Object.entries(this.options.named ?? {})) query[`p.${name}`] = value
    return { method: 'GET', path: this.address, headers: { Accept: 'text/event-stream' }, query }
  }
}

/** The result of a live query, kept by its notices: a list whose rows have keys. */
export class LiveList<V extends object = Values> implements Iterable<{ readonly id: string; readonly values: Partial<V> }> {
  /** Where in the log the result is the query's. */
  position = 0
  private list: { readonly id: string; readonly values: Partial<V> }[] = []
  private readonly byId = new Map<string, Partial<V>>()

  /** The rows, in the order of the query. Each notice makes another array, and leaves rows that did not change as they are. */
  get rows(): readonly { readonly id: string; readonly values: Partial<V> }[] {
    return this.list
  }

  /** A row's values by its id. */
  get(id: string): Partial<V> | undefined {
    return this.byId.get(id)
  }

  [Symbol.iterator](): Iterator<{ readonly id: string; readonly values: Partial<V> }> {
    return this.list[Symbol.iterator]()
  }

  /** Makes the changes of a notice, one after the other: `index` is of a row that goes where it stood, of others where they stand then. */
  apply(notice: LiveNotice<V>): void {
    const list = notice.reset === true ? [] : [...this.list]
    if (notice.reset === true) this.byId.clear()
    for (const change of notice.changes ?? []) {
      const { kind, id, index } = change
      if (kind === 'remove') {
        list.splice(index, 1)
        this.byId.delete(id)
        continue
      }
      if (kind === 'update') list.splice(index, 1)
      else if (kind === 'move') list.splice(list.findIndex(row => row.id === id), 1)
      list.splice(index, 0, { id, values: change.row })
      this.byId.set(id, change.row)
    }
    this.list = list
    this.position = notice.position
  }
}
