import { invalid } from '../errors/assertions.js'

/**
 * Refuses an idempotency key that would arrive as another one, or at some servers only: platforms do not agree about what
 * is beyond ASCII in headers, and cut spaces off.
 */
export function checkKey(key: string | undefined): void {
  if (key === undefined) return
  if (typeof key !== 'string' || !/^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(key)) {
    throw invalid('an idempotencyKey has 1 to 256 printable ASCII characters, and no space at its ends', 'idempotencyKey')
  }
}
