import { categoryOf } from '../events/filter.js'
import type { EventStamp } from '../events/types.js'
import type { QueryStreamsOptions, QueryStreamsResult, StreamInfo } from './contract.js'
import { checkLimit } from './memory-checks.js'
import { streamsResult } from './results.js'

/** A page of the streams of a map, in byte order of their ids. */
export function selectStreams(
  streams: ReadonlyMap<string, readonly EventStamp[]>, options: QueryStreamsOptions,
): QueryStreamsResult {
  const limit = checkLimit(options.limit)
  const { offset = 0, after, prefix = '', streamIdPattern: pattern, streamId } = options
  const category = options.category ?? options.streamType
  const ids = [...streams.keys()].filter(id =>
    (streams.get(id)?.length ?? 0) > 0 &&
    id.startsWith(prefix) &&
    (category === undefined || categoryOf(id) === category) &&
    (streamId === undefined || id === streamId) &&
    (pattern === undefined || (pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern)) &&
    (after === undefined || compareBytes(id, after) > 0)).sort(compareBytes)
  const page = ids.slice(offset, offset + limit).map(id => infoOf(id, streams.get(id) ?? []))
  const hasMore = ids.length > offset + limit
  return streamsResult(page, hasMore ? page.at(-1)?.streamId : undefined, {
    limit, offset, hasMore, ...(options.includeCount === true ? { total: ids.length } : {}),
  })
}

// UTF-8 orders as code points do, which JavaScript's own order of strings does not.
function compareBytes(a: string, b: string): number {
  const left = [...a]
  const right = [...b]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function infoOf(streamId: string, events: readonly EventStamp[]): StreamInfo {
  const first = events[0]
  const last = events.at(-1)
  return {
    streamId, streamType: categoryOf(streamId), version: events.length - 1, streamPosition: events.length - 1,
    eventCount: events.length, firstPosition: first?.globalPosition ?? 0, lastPosition: last?.globalPosition ?? 0,
    isArchived: false, createdAt: first?.createdAt ?? '', updatedAt: last?.createdAt ?? '',
  }
}
