import { invalid } from '../errors/assertions.js'
import { SerializationError, TooLargeError, UnsupportedError } from '../errors/classes.js'
import { ErrorTypes, statusOf } from '../errors/types.js'
import type { AnyEvent } from '../events/types.js'
import type { StreamAppend } from './contract.js'

// What a server allows unless it is told otherwise.
const maxEvents = 1000
const maxTags = 64
const maxNameBytes = 256
const idForm = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/
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

// A name stands in lines as it is: neither quotes, backslashes, control characters, line separators nor half characters.
function isName(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && bytes(text) <= maxNameBytes && !/^\$|["\\\p{Cc}\u2028\u2029\p{Cs}]/u.test(text)
}

const nameRule = 'give 1 to 256 bytes without quotes, backslashes, control characters and line separators, not beginning with "$"'

export function checkStreamId(id: unknown, field: string): void {
  if (!isName(id) || id.startsWith('-')) throw invalid(`${JSON.stringify(id)} is no stream id: ${nameRule} or "-"`, field)
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
  const { type, data, metadata, tags, eventId, schemaVersion } = event
  if (!isName(type) || type.includes('*')) throw invalid(`${JSON.stringify(type)} is no type: ${nameRule}, and no "*"`, `${field}.type`)
  checkJson(data, `${field}.data`)
  if (data === undefined || cloneJson({ data }).data === undefined) throw invalid('data is missing', `${field}.data`)
  if (metadata !== undefined && metadata !== null && (typeof metadata !== 'object' || Array.isArray(metadata))) {
    throw invalid('metadata must be an object', `${field}.metadata`)
  }
  checkJson(metadata, `${field}.metadata`)
  if (tags !== undefined && tags !== null) {
    if (!Array.isArray(tags) || tags.length > maxTags) throw invalid(`tags must be a list of ${maxTags} at most`, `${field}.tags`)
    tags.forEach((tag, k) => {
      if (!isName(tag)) throw invalid(`${JSON.stringify(tag)} is no tag: ${nameRule}`, `${field}.tags[${k}]`)
      if (tags.indexOf(tag) < k) throw invalid(`the tag "${tag}" stands twice`, `${field}.tags[${k}]`)
    })
  }
  if (eventId !== undefined && eventId !== null && (typeof eventId !== 'string' || !idForm.test(eventId))) {
    throw invalid('an eventId has 1 to 64 printable ASCII characters without space, quote and backslash', `${field}.eventId`)
  }
  if (schemaVersion === undefined || schemaVersion === null) return
  if (typeof schemaVersion !== 'string' && typeof schemaVersion !== 'number') {
    throw invalid('schemaVersion must be a text or a number', `${field}.schemaVersion`)
  }
  if (metadata?.schemaVersion !== undefined) throw invalid('metadata has a schemaVersion already', `${field}.metadata`)
}

// Half of a character cannot stand in what is stored.
function checkJson(value: unknown, field: string): void {
  if (/\\u[dD][89a-fA-F]/.test((JSON.stringify(cloneJson({ value }))).replaceAll('\\\\', ''))) throw invalid('has half of a character', field)
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

/** Refuses a stream position that is none. */
export function checkPosition(position: number | undefined, field: string): void {
  if (position !== undefined && !(Number.isInteger(position) && position >= 0)) throw invalid(`${position} is no position: give a whole number from 0`, field)
}

/** Refuses a condition, which only a server evaluates. */
export function checkNoWhere(where: string | undefined): void {
  if (where !== undefined) {
    throw new UnsupportedError('where: a store in memory does not know the query language: give a filter, or use a server', {
      status: statusOf.UNSUPPORTED, errorType: ErrorTypes.UNSUPPORTED, details: { field: 'where' },
    })
  }
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
