import type { NacreError } from '../errors/base.js'
import { ConnectionError } from '../errors/classes.js'
import { ErrorTypes, isServerCode } from '../errors/types.js'

/** What an attempt came to that did not succeed. */
export class Failure {
  /** How many attempts there were; set when the last one has failed. */
  attempts = 1

  constructor(
    /** What the caller is told: an error of this package, or the reason of its own signal. */
    readonly error: unknown,
    /** It may pass. */
    readonly again: boolean,
    /** The server may have done what was asked. */
    public unknown: boolean,
    /** Milliseconds that the server asks to wait. */
    readonly waitMs = 0,
  ) {}
}

/** The failure of an attempt without an answer. */
export function broken(cause: unknown, baseUrl: string): Failure {
  const code = codeOf(cause)
  const nothingSent = code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN'
  let message = `the connection to ${baseUrl} broke off, or did not come about`
  if (code === 'ECONNREFUSED') message = `nothing listens at ${baseUrl}: start a server with "nacre serve", or check the address`
  else if (nothingSent) message = `the host of ${baseUrl} is not known: check the address`
  else if (cause instanceof Error) message += `: ${cause.message}`
  const error = new ConnectionError(message, { status: 0, errorType: ErrorTypes.CONNECTION, cause })
  return new Failure(error, true, !nothingSent)
}

// Node's fetch hides the system's code in the cause of the cause, or in those of an aggregate.
function codeOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { code, errors, cause } = at as { code?: unknown; errors?: unknown; cause?: unknown }
    if (typeof code === 'string') return code
    at = Array.isArray(errors) && errors.length > 0 ? errors[0] : cause
  }
  return undefined
}

/** The failure that an answer tells: whether it may pass, and whether what was asked may have been done all the same. */
export function refused(error: NacreError, retryAfterMs: number): Failure {
  switch (error.errorType) {
    case ErrorTypes.RATE_LIMITED:
    case ErrorTypes.SHUTTING_DOWN:
    case ErrorTypes.TOO_MANY_CONNECTIONS:
    case ErrorTypes.STORE_LOCKED:
    case ErrorTypes.STORE_CLOSED:
      return new Failure(error, true, false, retryAfterMs)
    case ErrorTypes.STORE_FAILED:
    case ErrorTypes.CANCELED:
    case ErrorTypes.DEADLINE_EXCEEDED:
      return new Failure(error, true, true, retryAfterMs)
    case ErrorTypes.INTERNAL:
      return new Failure(error, error.status === 502 || error.status === 503, error.status >= 500, retryAfterMs)
    default:
      return isServerCode(error.errorType) ? new Failure(error, false, false) : foreign(error, retryAfterMs)
  }
}

// The failure that an answer tells which is not of this server, or of a newer one. A gateway has its own words in the place
// of the code, and may have passed on what it then had no answer to.
function foreign(error: NacreError, retryAfterMs: number): Failure {
  const { status } = error
  const again = status === 408 || status === 429 || (status >= 502 && status <= 504) || (status >= 520 && status <= 524)
  return new Failure(error, again, status === 408 || status >= 500, retryAfterMs)
}
