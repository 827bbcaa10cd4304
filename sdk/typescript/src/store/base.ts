import type { AnyEvent, AppendCondition, Filter, ReadEvent } from '../events/types.js'
import { type InlineProjection, runInline } from '../toolkit/inline.js'
import type {
  AggregateStreamOptions, AggregateStreamResult, AppendOptions, AppendToStreamOptions, AppendToStreamResult,
  EventStore, ListStreamsOptions, MultiStreamAppendOptions, MultiStreamAppendResult, QueryEventsOptions,
  QueryEventsResult, QueryStreamsOptions, QueryStreamsResult, ReadByQueryOptions, ReadStreamOptions, ReadStreamResult,
  RequestOptions, StreamAppend, StreamInfo,
} from './contract.js'
import { isBackward, streamResult } from './results.js'

/** The stream of events that were appended without one. */
export const DCB_STREAM = '__dcb__'

export interface EventStoreOptions {
  /** What is run in this process behind every append, before the append returns. */
  projections?: readonly InlineProjection[]
}

export interface StreamPage {
  events: ReadEvent[]
  currentStreamVersion: number
  hasMore: boolean
}

/** What all stores have in common: they differ in how they commit, and how they read a page. */
export abstract class BaseEventStore implements EventStore {
  private readonly projections: readonly InlineProjection[]

  constructor(options: EventStoreOptions = {}) {
    this.projections = options.projections ?? []
  }

  protected abstract commit(
    appends: readonly StreamAppend[], condition: AppendCondition | undefined, options: AppendOptions,
  ): Promise<MultiStreamAppendResult>

  /** A page of a stream, by `from`, `to` and `limit`; the other names for them are not given here. */
  protected abstract readPage(streamId: string, options: ReadStreamOptions): Promise<StreamPage>

  abstract findEvent<E extends AnyEvent = AnyEvent>(
    streamId: string, eventId: string, options?: RequestOptions,
  ): Promise<ReadEvent<E> | undefined>

  abstract queryEvents<E extends AnyEvent = AnyEvent>(options?: QueryEventsOptions): Promise<QueryEventsResult<E>>

  abstract readByQuery<E extends AnyEvent = AnyEvent>(
    query: Filter, options?: ReadByQueryOptions,
  ): Promise<QueryEventsResult<E>>

  abstract queryStreams(options?: QueryStreamsOptions): Promise<QueryStreamsResult>

  async appendToStream<E extends AnyEvent = AnyEvent>(
    streamId: string, events: readonly E[], options: AppendToStreamOptions = {},
  ): Promise<AppendToStreamResult<E>> {
    const { expectedStreamVersion, ...rest } = options
    const append = expectedStreamVersion === undefined ? { streamId, events } : { streamId, events, expectedStreamVersion }
    return this.appendOne(append, undefined, rest)
  }

  async append<E extends AnyEvent = AnyEvent>(
    events: readonly E[], condition?: AppendCondition, options: AppendOptions = {},
  ): Promise<AppendToStreamResult<E>> {
    return this.appendOne({ streamId: DCB_STREAM, events }, condition, options)
  }

  async multiStreamAppend<E extends AnyEvent = AnyEvent>(
    appends: readonly StreamAppend<NoInfer<E>>[], options: MultiStreamAppendOptions = {},
  ): Promise<MultiStreamAppendResult<E>> {
    const { condition, ...rest } = options
    const result = await this.commit(appends, condition, rest)
    await runInline(this.projections, this, result.events, result)
    return result as MultiStreamAppendResult<E>
  }

  private async appendOne<E extends AnyEvent>(
    append: StreamAppend, condition: AppendCondition | undefined, options: AppendOptions,
  ): Promise<AppendToStreamResult<E>> {
    const committed = await this.commit([append], condition, options)
    const result = committed.streams[0] as AppendToStreamResult<E>
    await runInline(this.projections, this, committed.events, result)
    return result
  }

  async readStream<E extends AnyEvent = AnyEvent>(
    streamId: string, options: ReadStreamOptions = {},
  ): Promise<ReadStreamResult<E>> {
    const events: ReadEvent<E>[] = []
    let version = -1
    for await (const page of this.pages(streamId, options)) {
      version = page.currentStreamVersion
      for (const event of page.events) events.push(event as ReadEvent<E>)
    }
    return streamResult(events, streamId, version)
  }

  /** Another name for {@link readStream}. */
  async readFromStream<E extends AnyEvent = AnyEvent>(
    streamId: string, options?: ReadStreamOptions,
  ): Promise<ReadStreamResult<E>> {
    return this.readStream(streamId, options)
  }

  async aggregateStream<State, E extends AnyEvent = AnyEvent>(
    streamId: string, options: AggregateStreamOptions<State, E>,
  ): Promise<AggregateStreamResult<State>> {
    const { initialState, evolve } = options
    let state = typeof initialState === 'function' ? (initialState as () => State)() : initialState
    let version = -1
    for await (const page of this.pages(streamId, options.read ?? {})) {
      version = page.currentStreamVersion
      for (const event of page.events) state = evolve(state, event as ReadEvent<E>)
    }
    return { state, currentStreamVersion: version, streamExists: version >= 0 }
  }

  async listStreams(options: ListStreamsOptions = {}): Promise<StreamInfo[]> {
    const streams: StreamInfo[] = []
    for (let after: string | undefined; ;) {
      const page = await this.queryStreams({ ...options, limit: 10_000, ...(after === undefined ? {} : { after }) })
      for (const stream of page) streams.push(stream)
      if (!page.hasMore || page.nextCursor === undefined) return streams
      after = page.nextCursor
    }
  }

  /** The pages of a stream, as it was when the first one was read. */
  private async *pages(streamId: string, options: ReadStreamOptions): AsyncGenerator<StreamPage> {
    const { fromStreamPosition, toStreamPosition, maxCount, expectedStreamVersion, ...rest } = options
    const backward = isBackward(options.direction)
    let from = options.from ?? fromStreamPosition
    let to = options.to ?? toStreamPosition
    let left = options.limit ?? maxCount ?? Infinity
    let version: number | undefined
    for (;;) {
      const page = await this.readPage(streamId, {
        ...rest,
        limit: Math.min(left, 10_000),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(expectedStreamVersion === undefined || version !== undefined ? {} : { expectedStreamVersion }),
      })
      version ??= page.currentStreamVersion
      yield { ...page, currentStreamVersion: version }
      left -= page.events.length
      const last = page.events.at(-1)
      if (!page.hasMore || last === undefined || left <= 0) return
      if (backward) {
        if (last.streamPosition === 0) return
        to = last.streamPosition - 1
      } else {
        from = last.streamPosition + 1
        to = Math.min(to ?? version, version)
        if (from > to) return
      }
    }
  }
}
