import { invalid } from '../errors/assertions.js'
import { SerializationError, TooLargeError } from '../errors/classes.js'
import { ErrorTypes } from '../errors/types.js'
import type { AnyEvent } from '../events/types.js'
import type { StreamAppend } from './contract.js'

// What a server allows unless it is told otherwise.
const maxEvents = 1000
const maxTags = 64
const maxNameBytes = 256
const maxIdBytes = 64
const members = new Set(['type', 'data', 'metadata', 'tags', 'eventId', 'schemaVersion'])

const bytes = (text: string): number => new TextEncoder().encode(text).length

/** Refuses what a server refuses, by field. */
export function checkBatch(appends: readonly StreamAppend[]): void {
  if (appends.length === 0) throw invalid('appends: give one at least', 'appends')
  const streams = new Set<string>()
  let count = 0
  appends.forEach((append, i) => {
    const field = `appends[${i}]`
    checkStreamId(append.streamId, `${field}.streamId`)
    if (streams.has(append.streamId)) {
      throw invalid(`stream "${append.streamId}" comes up twice: give each stream once`, `${field}.streamId`)
    }
    streams.add(append.streamId)
    if (!Array.isArray(append.events) || append.events.length === 0) {
      throw invalid(`${field}.events: give one event at least`, `${field}.events`)
    }
    checkExpected(append.expectedStreamVersion, `${field}.expectedStreamVersion`)
    const ids = new Set<string>()
    append.events.forEach((event: AnyEvent, j: number) => {
      checkEvent(event, `${field}.events[${j}]`)
      if (event.eventId !== undefined) {
        if (ids.has(event.eventId)) throw invalid(`the id "${event.eventId}" comes up twice`, `${field}.events[${j}].eventId`)
        ids.add(event.eventId)
      }
    })
    count += append.events.length
  })
  if (count > maxEvents) {
    throw new TooLargeError(`${count} events are more than the ${maxEvents} of an append`, {
      status: 413, errorType: ErrorTypes.TOO_LARGE,
    })
  }
}

function checkStreamId(id: unknown, field: string): void {
  if (typeof id !== 'string' || id === '' || bytes(id) > maxNameBytes || /^[$-]|["\\\p{Cc}]/u.test(id)) {
    throw invalid(`${JSON.stringify(id)} is no stream id: 1 to 256 bytes without quotes, backslashes and control characters, not beginning with "$" or "-"`, field)
  }
}

function checkExpected(expected: unknown, field: string): void {
  const known = expected === undefined || (typeof expected === 'string' && /^(any|no_stream|stream_exists|-1|[0-9]+)$/.test(expected))
  if (!known && !(Number.isInteger(expected) && (expected as number) >= -1)) {
    throw invalid(`${JSON.stringify(expected)} is no version: give "any", "no_stream", "stream_exists" or a position`, field)
  }
}

function checkEvent(event: AnyEvent, field: string): void {
  if (typeof event !== 'object' || event === null) throw invalid(`${field} is no event`, field)
  for (const name of Object.keys(event)) {
    if (!members.has(name)) throw invalid(`${name} is not a member of an event`, `${field}.${name}`)
  }
  const { type, data, metadata, tags, eventId } = event
  if (typeof type !== 'string' || type === '' || bytes(type) > maxNameBytes || /[*\p{Cc}]/u.test(type)) {
    throw invalid(`${JSON.stringify(type)} is no type: 1 to 256 bytes without "*" and control characters`, `${field}.type`)
  }
  if (data === undefined || typeof data === 'function' || typeof data === 'symbol') throw invalid('data is missing', `${field}.data`)
  if (metadata !== undefined && metadata !== null && (typeof metadata !== 'object' || Array.isArray(metadata))) {
    throw invalid('metadata must be an object', `${field}.metadata`)
  }
  if (tags !== undefined && tags !== null) {
    const wrong = !Array.isArray(tags) || tags.length > maxTags ||
      tags.some(tag => typeof tag !== 'string' || tag === '' || bytes(tag) > maxNameBytes)
    if (wrong) throw invalid(`tags must be at most ${maxTags} texts of 1 to 256 bytes`, `${field}.tags`)
  }
  if (eventId !== undefined && (typeof eventId !== 'string' || eventId === '' || bytes(eventId) > maxIdBytes)) {
    throw invalid('an eventId has 1 to 64 bytes', `${field}.eventId`)
  }
}

export function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return 1000
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) throw invalid(`limit is ${limit}: give 1 to 10000`, 'limit')
  return limit
}

/** The position of a position or cursor. */
export function positionOf(after: number | string | undefined): number | undefined {
  if (after === undefined || typeof after === 'number') return after
  const position = /^([0-9]+)(@.+)?$/.exec(after)?.[1]
  if (position === undefined) throw invalid(`${JSON.stringify(after)} is no position`, 'after')
  return Number(position)
}

/** A copy as it would come back from a server. */
export function cloneJson<T>(value: T): T {
  try {
    return JSON.parse(JSON.stringify(value)) as T
  } catch (cause) {
    throw new SerializationError(
      `what was given cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { status: 400, errorType: ErrorTypes.SERIALIZATION, cause },
    )
  }
}
