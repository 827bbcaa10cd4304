import type { AnyEvent, ReadEvent } from '../events/types.js'
import type {
  Direction, Pagination, QueryEventsResult, QueryStreamsResult, ReadStreamResult, StreamInfo,
} from './contract.js'

// What is added is not enumerable, so that the result is equal to a plain array, and is written as one.
function bear<T, Result>(array: T[], members: object): Result {
  const descriptors = Object.entries(members).map(([name, value]) => [name, { value }])
  return Object.defineProperties(array, Object.fromEntries(descriptors)) as Result
}

export function streamResult<E extends AnyEvent>(
  events: ReadEvent<E>[], streamId: string, currentStreamVersion: number,
): ReadStreamResult<E> {
  return bear(events, { events, streamId, currentStreamVersion, streamExists: currentStreamVersion >= 0 })
}

export function eventsResult<E extends AnyEvent>(
  events: ReadEvent<E>[], lastPosition: number, pagination: Pagination,
): QueryEventsResult<E> {
  return bear(events, { events, lastPosition, pagination, hasMore: pagination.hasMore })
}

export function streamsResult(
  streams: StreamInfo[], nextCursor: string | undefined, pagination: Pagination,
): QueryStreamsResult {
  return bear(streams, { streams, nextCursor, pagination, hasMore: pagination.hasMore })
}

export function isBackward(direction: Direction | undefined): boolean {
  return direction === 'backward' || direction === 'backwards' || direction === 'desc'
}
