/** What every event has that an application makes. */
export interface AnyEvent {
  readonly type: string
  /** Any JSON value. */
  readonly data: any
  readonly metadata?: any
  readonly tags?: readonly string[] | undefined
  /** Makes the append idempotent: the same id again changes nothing. Default: one is made. */
  readonly eventId?: string | undefined
  /** Goes to `metadata.schemaVersion`. */
  readonly schemaVersion?: string | number | undefined
}

/** Metadata that the platform knows, beside what applications put there. */
export interface PlatformEventMetadata {
  correlationId?: string
  causationId?: string
  actor?: unknown
  schemaVersion?: string | number
  occurredAt?: string
  transactionId?: string
  messageId?: string
  [name: string]: unknown
}

/** An event as it is appended: `Event<'order.placed', { total: number }>`. */
export type Event<Type extends string = string, Data = any, Metadata extends object | undefined = undefined> = Readonly<
  {
    type: Type
    data: Data
    tags?: readonly string[]
    eventId?: string
    schemaVersion?: string | number
  } & (Metadata extends undefined
    ? { metadata?: PlatformEventMetadata }
    : { metadata: Metadata & PlatformEventMetadata })
>

/** What a store adds to an event. */
export interface EventStamp {
  readonly streamId: string
  readonly eventId: string
  /** The place in its stream, from 0. */
  readonly streamPosition: number
  /** The place in the store's log, from 1. */
  readonly globalPosition: number
  /** UTC, to the microsecond. */
  readonly createdAt: string
  /** Of the events that were appended together; absent where an event was appended alone. */
  readonly transactionId?: string
}

/** An event as it is read. Of a union of events it is the union of what is read. */
export type ReadEvent<E extends AnyEvent = AnyEvent> = E extends AnyEvent
  ? Readonly<{
      type: E['type']
      data: E['data']
      metadata?: E['metadata']
      tags?: readonly string[]
      /** The payload of an event that is not JSON; there is no `data` then. */
      dataBase64?: string
    }> &
      EventStamp
  : never

/** The types of a union of events. */
export type EventTypeOf<E extends AnyEvent> = E['type']

/** What is asked of a decider: `Command<'PlaceOrder', { total: number }>`. */
export type Command<Type extends string = string, Data = any, Metadata extends object | undefined = undefined> = Readonly<
  { type: Type; data: Data } & (Metadata extends undefined ? { metadata?: Record<string, unknown> } : { metadata: Metadata })
>

/** A version that a stream must have: the position of its last event, -1 being none. */
export type ExpectedStreamVersion = number | 'any' | 'no_stream' | 'stream_exists'

/** One alternative of a filter: each list that is given must match, `tags` with all of theirs, the others with one. */
export interface FilterItem {
  /** `*` stands for one or more characters, dots included. */
  types?: readonly string[]
  tags?: readonly string[]
  streams?: readonly string[]
  /** The text before the first `-` of a stream's id. */
  categories?: readonly string[]
}

/** Selects what matches one of the items, everything where there are none. */
export interface Filter {
  items: readonly FilterItem[]
}

/** A filter, or types: `'user.*'`, `['order.placed', 'order.paid']`; `'*'` is everything. */
export type EventFilter = string | readonly string[] | Filter

/** Fails an append where an event that the filter selects stands behind a position. */
export interface AppendCondition {
  failIfEventsMatch: Filter
  /** A global position. Default 0, the beginning. */
  after?: number | null
}
