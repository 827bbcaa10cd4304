import { invalid } from '../errors/assertions.js'
import { NacreError } from '../errors/base.js'
import { AppendConditionFailedError, EventIdConflictError, StreamVersionConflictError } from '../errors/classes.js'
import { ErrorTypes } from '../errors/types.js'
import { matches, toFilter } from '../events/filter.js'
import { newEventId } from '../events/ids.js'
import type { AnyEvent, AppendCondition, EventFilter, Filter, ReadEvent } from '../events/types.js'
import { matchesExpectedVersion } from '../events/version.js'
import { BaseEventStore, type EventStoreOptions, type StreamPage } from './base.js'
import type {
  AppendOptions, AppendToStreamResult, MultiStreamAppendResult, QueryEventsOptions, QueryEventsResult,
  QueryStreamsOptions, QueryStreamsResult, ReadByQueryOptions, ReadStreamOptions, RequestOptions, StreamAppend,
} from './contract.js'
import { onAbort } from '../http/waiting.js'
import { checkKey } from './key.js'
import { checkBatch, checkLimit, checkNoWhere, checkPosition, cloneJson, positionOf } from './memory-checks.js'
import { selectStreams } from './memory-streams.js'
import { eventsResult, isBackward } from './results.js'

type Stored = ReadEvent & { data: unknown }

/**
 * A store in memory, for tests: what a server does with events, versions, conditions and repeated ids, without one.
 * What it gives out is the caller's own; what it was given may be changed behind an append.
 */
export class InMemoryEventStore extends BaseEventStore {
  private readonly log: Stored[] = []
  private readonly streams = new Map<string, Stored[]>()
  /** By stream and id, with a line feed between, which no stream's id has. */
  private readonly ids = new Map<string, Stored>()
  private waiting: (() => void)[] = []

  constructor(options?: EventStoreOptions) {
    super(options)
  }

  /** The global position of the last event; 0 where there is none. */
  get lastPosition(): number {
    return this.log.length
  }

  protected override async commit(
    appends: readonly StreamAppend[], condition: AppendCondition | undefined, options: AppendOptions,
  ): Promise<MultiStreamAppendResult> {
    options.signal?.throwIfAborted()
    const { idempotencyKey: key } = options
    checkKey(key)
    checkBatch(appends)
    let index = 0
    const batch = appends.map(append => ({
      ...append,
      events: append.events.map(event => {
        const { type, data, schemaVersion } = event
        // What is null or empty is not there.
        const tags = event.tags?.length ? event.tags : undefined
        const metadata = (schemaVersion ?? undefined) === undefined ? event.metadata ?? undefined : { schemaVersion, ...event.metadata }
        const eventId = event.eventId ?? (key === undefined ? newEventId() : `${key}#${index}`)
        index++
        return { ...cloneJson({ type, data, metadata, tags }), eventId }
      }),
    }))

    const known = this.duplicates(batch)
    if (known !== undefined) return known
    for (const { streamId, expectedStreamVersion } of batch) this.checkVersion(streamId, expectedStreamVersion)
    if (condition !== undefined) this.checkCondition(condition)

    const createdAt = new Date().toISOString().replace('Z', '000Z')
    const together = batch.reduce((sum, one) => sum + one.events.length, 0) > 1 ? { transactionId: newEventId() } : {}
    const streams = batch.map(append => {
      const stream = this.streamOf(append.streamId)
      const createdNewStream = stream.length === 0
      const events = append.events.map(event => {
        const stored = {
          streamId: append.streamId, ...event, ...together,
          globalPosition: this.log.length + 1, streamPosition: stream.length, createdAt,
        } as Stored
        this.ids.set(`${append.streamId}\n${event.eventId}`, stored)
        this.log.push(stored)
        stream.push(stored)
        return stored
      })
      return resultOf(append.streamId, events, createdNewStream)
    })
    for (const wake of this.waiting.splice(0)) wake()
    return resultOfAll(streams)
  }

  private streamOf(streamId: string): Stored[] {
    let stream = this.streams.get(streamId)
    if (stream === undefined) this.streams.set(streamId, (stream = []))
    return stream
  }

  // The first result, where every id is there already: ids are looked at before versions and conditions.
  private duplicates(batch: readonly StreamAppend[]): MultiStreamAppendResult | undefined {
    let known = 0
    let all = 0
    const streams = batch.map(({ streamId, events }) => {
      const found = events.map(event => {
        const stored = this.ids.get(`${streamId}\n${event.eventId}`)
        if (stored !== undefined) checkSame(stored, event)
        return stored
      })
      all += events.length
      const there = found.filter(one => one !== undefined)
      known += there.length
      return { streamId, there }
    })
    if (known === 0) return undefined
    const inOrder = streams.every(({ there }) => there.every((one, i) => one.streamPosition === (there[0]?.streamPosition ?? 0) + i))
    if (known < all || !inOrder) {
      const one = streams.flatMap(stream => stream.there)[0]
      throw idConflict(one, 'the ids of the request are not those of one append')
    }
    const results = streams.map(({ streamId, there }) => ({
      ...resultOf(streamId, there, there[0]?.streamPosition === 0), duplicate: true as const,
    }))
    return { ...resultOfAll(results), duplicate: true }
  }

  private checkVersion(streamId: string, expected: StreamAppend['expectedStreamVersion']): void {
    const current = (this.streams.get(streamId)?.length ?? 0) - 1
    if (matchesExpectedVersion(current, expected)) return
    const details = {
      streamId, expectedStreamVersion: expected, currentStreamVersion: current, expectedVersion: expected, currentVersion: current,
    }
    throw new StreamVersionConflictError(
      `stream "${streamId}" is at version ${current}, not ${expected} as expected: read it again and decide again`,
      { status: 409, errorType: ErrorTypes.VERSION_CONFLICT, details }, current, expected, streamId,
    )
  }

  private checkCondition(condition: AppendCondition): void {
    const after = condition.after ?? 0
    const positions = this.log.slice(after).filter(one => matches(condition.failIfEventsMatch, one))
      .slice(0, 100).map(one => one.globalPosition)
    if (positions.length === 0) return
    throw new AppendConditionFailedError(
      `the append condition failed: behind position ${after} stand events that match it, at [${positions.join(', ')}]`,
      {
        status: 409, errorType: ErrorTypes.APPEND_CONDITION_FAILED,
        details: { conflictingPositions: positions, after, afterPosition: after },
      },
      positions, after,
    )
  }

  protected override async readPage(streamId: string, options: ReadStreamOptions): Promise<StreamPage> {
    options.signal?.throwIfAborted()
    checkNoWhere(options.where)
    if (streamId === '') throw invalid('give the id of a stream', 'streamId')
    checkPosition(options.from, 'from')
    checkPosition(options.to, 'to')
    this.checkVersion(streamId, options.expectedStreamVersion)
    const { from = 0, to = Infinity, types, tags, direction } = options
    const limit = checkLimit(options.limit)
    const stream = this.streams.get(streamId) ?? []
    const filter: Filter = { items: [{ ...(types === undefined ? {} : { types }), ...(tags === undefined ? {} : { tags }) }] }
    const found = stream.filter(one => one.streamPosition >= from && one.streamPosition <= to && matches(filter, one))
    if (isBackward(direction)) found.reverse()
    return {
      events: cloneJson(found.slice(0, limit)), currentStreamVersion: stream.length - 1, hasMore: found.length > limit,
    }
  }

  override async findEvent<E extends AnyEvent = AnyEvent>(
    streamId: string, eventId: string, options: RequestOptions = {},
  ): Promise<ReadEvent<E> | undefined> {
    options.signal?.throwIfAborted()
    const found = this.ids.get(`${streamId}\n${eventId}`)
    return found === undefined ? undefined : (cloneJson(found) as unknown as ReadEvent<E>)
  }

  override async queryEvents<E extends AnyEvent = AnyEvent>(
    options: QueryEventsOptions = {},
  ): Promise<QueryEventsResult<E>> {
    options.signal?.throwIfAborted()
    checkNoWhere(options.where)
    const limit = checkLimit(options.limit)
    const { offset = 0 } = options
    const filter = options.filter === undefined ? itemOf(options) : toFilter(options.filter)
    const after = Math.max(positionOf(options.after) ?? 0, (options.fromPosition ?? 0) - 1)
    const before = Math.min(options.before ?? Infinity, (options.toPosition ?? Infinity) + 1)
    const from = time(options.fromDate, 0)
    const to = time(options.toDate, 86_400_000 - 1)
    const found = this.log.filter(one =>
      one.globalPosition > after && one.globalPosition < before && matches(filter, one) &&
      (options.eventId === undefined || one.eventId === options.eventId) &&
      (options.transactionId === undefined || one.transactionId === options.transactionId) &&
      (from === undefined || Date.parse(one.createdAt) >= from) && (to === undefined || Date.parse(one.createdAt) <= to))
    if (isBackward(options.direction ?? options.sortDirection)) found.reverse()
    const events = found.slice(offset, offset + limit)
    return eventsResult(cloneJson(events) as unknown as ReadEvent<E>[], events.at(-1)?.globalPosition ?? after, {
      limit, offset, hasMore: found.length > offset + limit, ...(options.includeCount === true ? { total: found.length } : {}),
    })
  }

  override async readByQuery<E extends AnyEvent = AnyEvent>(
    query: Filter, options: ReadByQueryOptions = {},
  ): Promise<QueryEventsResult<E>> {
    return this.queryEvents({ ...options, filter: query })
  }

  override async queryStreams(options: QueryStreamsOptions = {}): Promise<QueryStreamsResult> {
    options.signal?.throwIfAborted()
    return selectStreams(this.streams, options)
  }

  /** Follows the store as `EventBus.subscribe` does: what there is, then what is appended, until the signal or `break`. */
  async *subscribe<E extends AnyEvent = AnyEvent>(
    filter?: EventFilter, options: { after?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<ReadEvent<E>, void, undefined> {
    const { after = 0, signal } = options
    const selects = toFilter(filter)
    for (let at = after; signal?.aborted !== true; ) {
      const event = this.log[at]
      if (event === undefined) {
        await this.appended(signal)
        continue
      }
      at++
      if (matches(selects, event)) yield cloneJson(event) as unknown as ReadEvent<E>
    }
  }

  private async appended(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return
    let forget = (): void => {}
    await new Promise<void>(resolve => {
      this.waiting.push(resolve)
      if (signal !== undefined) forget = onAbort(signal, resolve)
    })
    forget()
  }
}

function checkSame(stored: Stored, event: AnyEvent): void {
  if (stored.type !== event.type) throw idConflict(stored, 'with another type')
  if (JSON.stringify(stored.data) !== JSON.stringify(event.data)) throw idConflict(stored, 'with other data')
}

function idConflict(stored: Stored | undefined, reason: string): NacreError {
  const details = { streamId: stored?.streamId, eventId: stored?.eventId, globalPosition: stored?.globalPosition, reason }
  return new EventIdConflictError(
    `stream "${stored?.streamId}" holds an event with the id "${stored?.eventId}" already, ${reason}`,
    { status: 409, errorType: ErrorTypes.EVENT_ID_CONFLICT, details },
  )
}

function resultOf(streamId: string, events: readonly Stored[], createdNewStream: boolean): AppendToStreamResult {
  const last = events.at(-1)
  const version = last?.streamPosition ?? -1
  const position = last?.globalPosition ?? 0
  return {
    success: true, streamId, eventsAppended: events.length, eventsWritten: events.length, createdNewStream,
    currentStreamVersion: version, nextExpectedStreamVersion: version, globalPosition: position, lastPosition: position,
    events: cloneJson([...events]),
  }
}

function resultOfAll(streams: AppendToStreamResult[]): MultiStreamAppendResult {
  const events = streams.flatMap(one => one.events).sort((a, b) => a.globalPosition - b.globalPosition)
  const position = events.at(-1)?.globalPosition ?? 0
  const transactionId = events[0]?.transactionId
  return {
    success: true, eventsAppended: events.length, eventsWritten: events.length, globalPosition: position,
    lastPosition: position, ...(transactionId === undefined ? {} : { transactionId }), streams, events,
  }
}

function itemOf(options: QueryEventsOptions): Filter {
  const item: Record<string, readonly string[]> = {}
  const lists = { types: options.type, streams: options.streamId, categories: options.category, tags: options.tag }
  for (const [name, value] of Object.entries(lists)) {
    if (value !== undefined) item[name] = typeof value === 'string' ? [value] : value
  }
  return { items: [item] }
}

// A day stands for its beginning, or, as an end, for its last millisecond.
function time(value: Date | string | undefined, restOfDay: number): number | undefined {
  if (value === undefined) return undefined
  if (value instanceof Date) return value.getTime()
  return Date.parse(value) + (/^\d{4}-\d{2}-\d{2}$/.test(value) ? restOfDay : 0)
}
