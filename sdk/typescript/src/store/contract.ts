import type {
  AnyEvent, AppendCondition, EventFilter, ExpectedStreamVersion, Filter, ReadEvent,
} from '../events/types.js'
import type { components } from '../generated/openapi.js'

type Schemas = components['schemas']

/** What a store tells about a stream. */
export type StreamInfo = Schemas['StreamInfo']
export type Pagination = Schemas['Pagination']

export interface RequestOptions {
  /**
   * Ends the call; it rejects with the signal's reason. An append that was sent by then rejects with an
   * `UnknownOutcomeError` whose cause that is.
   */
  signal?: AbortSignal
}

export interface AppendOptions extends RequestOptions {
  /**
   * Makes a repeated call change nothing: the same key again is answered as the first time, for ever. Without it and
   * without event ids, a call that is repeated by the program appends again; what this package repeats never does.
   * 1 to 256 printable ASCII characters.
   */
  idempotencyKey?: string
}

export interface AppendToStreamOptions extends AppendOptions {
  /** Default `any`. */
  expectedStreamVersion?: ExpectedStreamVersion
}

/** One stream's part of an append to several. */
export interface StreamAppend<E extends AnyEvent = AnyEvent> {
  streamId: string
  events: readonly E[]
  /** Default `any`. */
  expectedStreamVersion?: ExpectedStreamVersion
}

/** DeltaBase's name for {@link StreamAppend}. */
export type MultiStreamAppendRequest<E extends AnyEvent = AnyEvent> = StreamAppend<E>

export interface MultiStreamAppendOptions extends AppendOptions {
  condition?: AppendCondition
}

export interface AppendToStreamResult<E extends AnyEvent = AnyEvent> {
  success: true
  streamId: string
  eventsAppended: number
  eventsWritten: number
  createdNewStream: boolean
  currentStreamVersion: number
  /** What the next append to the stream has to expect. */
  nextExpectedStreamVersion: number
  /** Of the last event. */
  globalPosition: number
  lastPosition: number
  /** The ids were there already, and nothing was written. */
  duplicate?: true
  /** The events as they are stored. */
  events: ReadEvent<E>[]
}

export interface MultiStreamAppendResult<E extends AnyEvent = AnyEvent> {
  success: true
  eventsAppended: number
  eventsWritten: number
  /** Of the last event. */
  globalPosition: number
  lastPosition: number
  transactionId?: string
  /** The ids were there already, and nothing was written. */
  duplicate?: true
  /** In the order of the request. */
  streams: AppendToStreamResult<E>[]
  /** All events, in the order of the log. */
  events: ReadEvent<E>[]
}

export type Direction = 'forward' | 'backward' | 'forwards' | 'backwards' | 'asc' | 'desc'

export interface ReadStreamOptions extends RequestOptions {
  /** From this stream position on, inclusive. Default 0. */
  from?: number
  /** Up to this stream position, inclusive. Default: the last one. */
  to?: number
  /** At most this many events. Default: all of them. */
  limit?: number
  /** Default `forward`. */
  direction?: Direction
  /** Only of these types; `*` stands for one or more characters. */
  types?: readonly string[]
  /** Only those that have all of these tags. */
  tags?: readonly string[]
  /** A condition beside what else selects, in the query language: `data.total > 100`. A server evaluates it; `InMemoryEventStore` refuses it. */
  where?: string
  /** Refuse the read with a conflict where the stream is at another version. */
  expectedStreamVersion?: ExpectedStreamVersion
  /** Another name for `from`. */
  fromStreamPosition?: number
  /** Another name for `to`. */
  toStreamPosition?: number
  /** Another name for `limit`. */
  maxCount?: number
}

/** The events of a stream: an array that also bears itself as `events`, so that both ways to take it work. */
export type ReadStreamResult<E extends AnyEvent = AnyEvent> = ReadEvent<E>[] & {
  readonly events: ReadEvent<E>[]
  readonly streamId: string
  /** The position of the stream's last event when the read began; -1 where there is none. */
  readonly currentStreamVersion: number
  readonly streamExists: boolean
}

export interface AggregateStreamOptions<State, E extends AnyEvent = AnyEvent> {
  /** The state before all events, or what makes it. */
  initialState: State | (() => State)
  evolve: (state: State, event: ReadEvent<E>) => State
  /** Which events to fold. Default: all of them. */
  read?: ReadStreamOptions
}

export interface AggregateStreamResult<State> {
  state: State
  currentStreamVersion: number
  streamExists: boolean
}

export interface QueryEventsOptions extends RequestOptions {
  streamId?: string | readonly string[]
  /** One of these types; `*` stands for one or more characters. */
  type?: string | readonly string[]
  category?: string | readonly string[]
  /** Every one of these tags. */
  tag?: string | readonly string[]
  /** In place of type, category, streamId and tag. */
  filter?: EventFilter
  /** A condition beside what else selects, in the query language: `data.total > 100`. A server evaluates it; `InMemoryEventStore` refuses it. */
  where?: string
  eventId?: string
  transactionId?: string
  /** Behind this global position, or cursor, exclusive. */
  after?: number | string
  /** Before this global position, exclusive. */
  before?: number
  /** From this global position on, inclusive. */
  fromPosition?: number
  /** Up to this global position, inclusive. */
  toPosition?: number
  fromDate?: Date | string
  toDate?: Date | string
  /** Default 1,000; 10,000 at most. */
  limit?: number
  /** Pass over this many; `after` goes on faster. */
  offset?: number
  sortBy?: 'globalPosition' | 'streamPosition'
  sortDirection?: Direction
  direction?: Direction
  /** Tell `pagination.total`, which reads everything that matches. */
  includeCount?: boolean
  includeArchived?: boolean
}

/** A page of events: an array that also bears itself as `events`. */
export type QueryEventsResult<E extends AnyEvent = AnyEvent> = ReadEvent<E>[] & {
  readonly events: ReadEvent<E>[]
  /** Go on with `after: lastPosition`; backward, with `before`. */
  readonly lastPosition: number
  readonly hasMore: boolean
  readonly pagination: Pagination
}

export interface ReadByQueryOptions extends RequestOptions {
  /** A condition beside what else selects, in the query language: `data.total > 100`. A server evaluates it; `InMemoryEventStore` refuses it. */
  where?: string
  /** Behind this global position, or cursor, exclusive. Default 0. */
  after?: number | string
  /** Before this global position, exclusive. */
  before?: number
  /** Default 1,000; 10,000 at most. */
  limit?: number
  /** Default `forward`. */
  direction?: Direction
}

export interface QueryStreamsOptions extends RequestOptions {
  category?: string
  /** Another name for `category`. */
  streamType?: string
  /** Streams whose ids begin so. */
  prefix?: string
  /** A prefix and `*`, or an id. */
  streamIdPattern?: string
  streamId?: string
  /** The `nextCursor` of the page before. */
  after?: string
  /** Default 1,000; 10,000 at most. */
  limit?: number
  offset?: number
  includeCount?: boolean
  includeArchived?: boolean
  includeMetadata?: boolean
  sortBy?: 'streamId'
  sortDirection?: 'asc'
}

/** A page of streams, in byte order of their ids: an array that also bears itself as `streams`. */
export type QueryStreamsResult = StreamInfo[] & {
  readonly streams: StreamInfo[]
  /** What to give as `after`; absent on the last page. */
  readonly nextCursor: string | undefined
  readonly hasMore: boolean
  readonly pagination: Pagination
}

export interface ListStreamsOptions extends RequestOptions {
  category?: string
  prefix?: string
}

/** A store of events, on a server or in memory. */
export interface EventStore {
  /** Appends to one stream, all or none. */
  appendToStream<E extends AnyEvent = AnyEvent>(
    streamId: string, events: readonly E[], options?: AppendToStreamOptions,
  ): Promise<AppendToStreamResult<E>>

  /** Appends to several streams, all or nothing. A stream may come up once. */
  multiStreamAppend<E extends AnyEvent = AnyEvent>(
    appends: readonly StreamAppend<NoInfer<E>>[], options?: MultiStreamAppendOptions,
  ): Promise<MultiStreamAppendResult<E>>

  /** Appends events without a stream of their own, unless an event stands there that the condition excludes. */
  append<E extends AnyEvent = AnyEvent>(
    events: readonly E[], condition?: AppendCondition, options?: AppendOptions,
  ): Promise<AppendToStreamResult<E>>

  /** Reads a stream, all of it unless the options say otherwise. One that does not exist is empty, at version -1. */
  readStream<E extends AnyEvent = AnyEvent>(streamId: string, options?: ReadStreamOptions): Promise<ReadStreamResult<E>>

  /** Folds the events of a stream, page by page. */
  aggregateStream<State, E extends AnyEvent = AnyEvent>(
    streamId: string, options: AggregateStreamOptions<State, E>,
  ): Promise<AggregateStreamResult<State>>

  /** The event of a stream that bears an id; undefined where there is none. */
  findEvent<E extends AnyEvent = AnyEvent>(
    streamId: string, eventId: string, options?: RequestOptions,
  ): Promise<ReadEvent<E> | undefined>

  /** A page of the events of all streams. */
  queryEvents<E extends AnyEvent = AnyEvent>(options?: QueryEventsOptions): Promise<QueryEventsResult<E>>

  /** A page of the events that a filter selects; `lastPosition` is what an append condition has as `after`. */
  readByQuery<E extends AnyEvent = AnyEvent>(query: Filter, options?: ReadByQueryOptions): Promise<QueryEventsResult<E>>

  /** A page of streams. */
  queryStreams(options?: QueryStreamsOptions): Promise<QueryStreamsResult>

  /** All streams, or all of a category or prefix. */
  listStreams(options?: ListStreamsOptions): Promise<StreamInfo[]>
}
