import { NacreError } from '../errors/base.js'
import { UnknownOutcomeError } from '../errors/classes.js'
import { isNotFoundError } from '../errors/guards.js'
import { ErrorTypes } from '../errors/types.js'
import { invalid } from '../errors/assertions.js'
import { toFilter } from '../events/filter.js'
import { newEventId } from '../events/ids.js'
import type { AnyEvent, AppendCondition, Filter, ReadEvent } from '../events/types.js'
import type { components } from '../generated/openapi.js'
import { Failure } from '../http/failure.js'
import { path, type QueryValue, type Transport } from '../http/transport.js'
import { BaseEventStore, type EventStoreOptions, type StreamPage } from './base.js'
import type {
  AppendOptions, AppendToStreamResult, MultiStreamAppendResult, QueryEventsOptions, QueryEventsResult,
  QueryStreamsOptions, QueryStreamsResult, ReadByQueryOptions, ReadStreamOptions, RequestOptions, StreamAppend,
} from './contract.js'
import { checkKey } from './key.js'
import { eventsResult, streamsResult } from './results.js'

type Schemas = components['schemas']

/** An event store of a server. */
export class RemoteEventStore extends BaseEventStore {
  /** The greatest position that this store was told. */
  private seen = 0
  private readonly root: string

  constructor(private readonly transport: Transport, readonly name: string, options: EventStoreOptions = {}) {
    super(options)
    this.root = path`/event-stores/${name}`
  }

  protected override async commit(
    appends: readonly StreamAppend[], condition: AppendCondition | undefined, options: AppendOptions,
  ): Promise<MultiStreamAppendResult> {
    const { idempotencyKey, signal } = options
    checkKey(idempotencyKey)
    // With ids, what is sent twice is written once. From a key the server derives them.
    const sent = idempotencyKey === undefined ? appends.map(giveIds) : appends
    const before = this.seen
    try {
      const { body, doubtful } = await this.transport.send({
        method: 'POST', path: `${this.root}/events`, signal, repeatable: true,
        body: condition === undefined ? { appends: sent } : { appends: sent, condition },
        headers: idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey },
        subject: { kind: 'store', name: this.name },
      })
      const result = committed(body as Schemas['Committed'])
      // What an earlier attempt of this very call wrote, behind all that was told before, is no duplicate to the caller.
      if (doubtful && result.events.every(event => event.globalPosition > before)) own(result)
      this.seen = Math.max(this.seen, result.lastPosition)
      return result
    } catch (thrown) {
      throw thrown instanceof Failure ? outcome(thrown, sent, idempotencyKey) : thrown
    }
  }

  protected override async readPage(streamId: string, options: ReadStreamOptions): Promise<StreamPage> {
    const { types, tags, signal, ...rest } = options
    const page = await this.transport.json<Schemas['StreamEvents']>({
      method: 'GET', path: this.root + path`/streams/${streamId}`, signal,
      query: { ...rest, type: types, tag: tags } as Record<string, QueryValue>,
      subject: { kind: 'stream', name: streamId },
    })
    return { events: page.events as unknown as ReadEvent[], currentStreamVersion: page.currentStreamVersion, hasMore: page.hasMore }
  }

  override async findEvent<E extends AnyEvent = AnyEvent>(
    streamId: string, eventId: string, options: RequestOptions = {},
  ): Promise<ReadEvent<E> | undefined> {
    if (eventId === '.' || eventId === '..') {
      // An address cannot have them in its path.
      const page = await this.queryEvents<E>({ ...options, streamId, eventId })
      return page[0]
    }
    try {
      return await this.transport.json<ReadEvent<E>>({
        method: 'GET', path: this.root + path`/streams/${streamId}/events/${eventId}`, signal: options.signal,
      })
    } catch (error) {
      // Only an answer that names the event says that there is none; another 404 is of another kind.
      if (isNotFoundError(error) && error.details?.['eventId'] === eventId) return undefined
      throw error
    }
  }

  override async queryEvents<E extends AnyEvent = AnyEvent>(
    options: QueryEventsOptions = {},
  ): Promise<QueryEventsResult<E>> {
    const { filter, signal, ...rest } = options
    const page = await this.transport.json<Schemas['Events']>({
      method: 'GET', path: `${this.root}/events`, signal,
      query: { ...rest, filter: filter === undefined ? undefined : JSON.stringify(toFilter(filter)) } as Record<string, QueryValue>,
    })
    return eventsResult(page.events as unknown as ReadEvent<E>[], page.lastPosition, page.pagination)
  }

  override async readByQuery<E extends AnyEvent = AnyEvent>(
    query: Filter, options: ReadByQueryOptions = {},
  ): Promise<QueryEventsResult<E>> {
    const { signal, ...rest } = options
    const page = await this.transport.json<Schemas['Events']>({
      method: 'POST', path: `${this.root}/query`, body: { query, ...rest }, signal, repeatable: true,
    })
    return eventsResult(page.events as unknown as ReadEvent<E>[], page.lastPosition, page.pagination)
  }

  override async queryStreams(options: QueryStreamsOptions = {}): Promise<QueryStreamsResult> {
    const { signal, ...query } = options
    const page = await this.transport.json<Schemas['Streams']>({ method: 'GET', path: `${this.root}/streams`, query, signal })
    return streamsResult(page.streams, page.nextCursor, page.pagination)
  }

  /** The position of the log's last event, and the epoch that names the log's history. */
  async head(options: RequestOptions = {}): Promise<Schemas['Head']> {
    return this.transport.json({ method: 'GET', path: `${this.root}/head`, signal: options.signal })
  }
}

// An id that is null is none, as it is to the server.
function giveIds(append: StreamAppend): StreamAppend {
  if (!Array.isArray(append.events)) throw invalid('events must be a list', 'events')
  return { ...append, events: append.events.map((event: AnyEvent) => (event?.eventId ?? undefined) === undefined ? { ...event, eventId: newEventId() } : event) }
}

function committed(reply: Schemas['Committed']): MultiStreamAppendResult {
  if (!Array.isArray(reply?.appends)) {
    const error = new NacreError('the answer does not tell what became of the append: it may be of another version', {
      status: 0, errorType: ErrorTypes.SERIALIZATION, body: reply,
    })
    throw new Failure(error, false, true)
  }
  const streams = reply.appends.map(one => ({ success: true, ...one }) as unknown as AppendToStreamResult)
  const events = streams.flatMap(one => one.events).sort((a, b) => a.globalPosition - b.globalPosition)
  const { appends: _, ...rest } = reply
  return { ...rest, success: true, streams, events } as MultiStreamAppendResult
}

function own(result: MultiStreamAppendResult): void {
  delete result.duplicate
  for (const one of result.streams) delete one.duplicate
}

// What the caller is told of an append that failed: what the server decided, or that it is not known.
function outcome(failure: Failure, sent: readonly StreamAppend[], key: string | undefined): unknown {
  const { error } = failure
  if (!failure.unknown) return error
  const code = error instanceof NacreError ? error.errorType : undefined
  switch (code) {
    // Ids are looked at first: had an earlier attempt written them, this would not be the answer.
    case ErrorTypes.VERSION_CONFLICT:
    case ErrorTypes.APPEND_CONDITION_FAILED:
    case ErrorTypes.EVENT_ID_CONFLICT:
      return error
  }
  const times = failure.attempts === 1 ? 'once' : `${failure.attempts} times`
  const again = key === undefined ? 'append the same ids again' : 'append with the same idempotencyKey again'
  const why = error instanceof Error ? error.message : String(error)
  return new UnknownOutcomeError(
    `events may or may not have been appended (sent ${times}): ${again} to know: ${why}`,
    {
      status: error instanceof NacreError ? error.status : 0, errorType: ErrorTypes.UNKNOWN_OUTCOME, cause: error,
      body: error instanceof NacreError ? error.body : undefined,
      details: error instanceof NacreError ? error.details : undefined,
    },
    sent, failure.attempts,
  )
}

/** Checks the name of a store before it stands in addresses. */
export function checkStoreName(name: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{2,62}$/.test(name)) {
    throw invalid(
      `${JSON.stringify(name)} is no name of an event store: 3 to 63 of a-z, 0-9, "_" and "-", a letter or digit first`, 'name',
    )
  }
  return name
}
