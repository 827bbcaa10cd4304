import type { ExpectedStreamVersion } from './types.js'

/** Expects a stream that has events. */
export const STREAM_EXISTS = 'stream_exists' as const
/** Expects a stream without events. */
export const STREAM_DOES_NOT_EXIST = 'no_stream' as const
/** Expects nothing. */
export const NO_CONCURRENCY_CHECK = 'any' as const

/** The version of a stream without events. */
export const NO_VERSION = -1

/** Tells whether a stream at version `current` is as expected; `none` is the version of one without events. */
export function matchesExpectedVersion(
  current: number | undefined, expected: ExpectedStreamVersion | undefined, none: number = NO_VERSION,
): boolean {
  const at = current ?? none
  switch (expected) {
    case undefined:
    case NO_CONCURRENCY_CHECK:
      return true
    case STREAM_DOES_NOT_EXIST:
      return at === none
    case STREAM_EXISTS:
      return at !== none
    default:
      return at === Number(expected)
  }
}
