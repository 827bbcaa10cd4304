import { type ErrorDetails, type ErrorInit, NacreError } from './base.js'
import * as classes from './classes.js'
import { ErrorTypes } from './types.js'

/** What a request was about: it makes a bare 404 or 400 a more telling one. */
export interface Subject {
  kind: 'store' | 'stream' | 'subscription'
  name: string
}

/** The error that an answer tells. */
export function errorFromReply(status: number, body: unknown, subject?: Subject): NacreError {
  const told = isObject(body) ? body : {}
  const details = isObject(told['details']) ? told['details'] : undefined
  const code = typeof told['error'] === 'string' && told['error'] !== '' ? told['error'] : codeOf(status)
  const message = typeof told['message'] === 'string' && told['message'] !== ''
    ? told['message']
    : typeof told['error'] === 'string' ? told['error'] : `the server answered with the status ${status}`
  return make(code, message, { status, errorType: code, body, details }, told, subject)
}

function make(code: string, message: string, init: ErrorInit, told: ErrorDetails, subject?: Subject): NacreError {
  const details = init.details ?? {}
  switch (code) {
    case ErrorTypes.VERSION_CONFLICT: {
      const current = number(details['currentVersion'] ?? details['currentStreamVersion'] ?? told['currentVersion'])
      const expected = version(details['expectedVersion'] ?? details['expectedStreamVersion'] ?? told['expectedVersion'])
      return new classes.StreamVersionConflictError(message, init, current, expected, text(details['streamId']))
    }
    case ErrorTypes.APPEND_CONDITION_FAILED: {
      const positions = told['conflictingPositions'] ?? details['conflictingPositions']
      const after = number(told['afterPosition'] ?? details['afterPosition']) ?? 0
      return new classes.AppendConditionFailedError(message, init, Array.isArray(positions) ? positions : [], after)
    }
    case ErrorTypes.EVENT_STORE_EXISTS:
      return new classes.EventStoreAlreadyExistsError(message, init, subject?.name ?? text(details['name']) ?? '')
    case ErrorTypes.RATE_LIMITED:
      return new classes.RateLimitError(message, init, number(details['retryAfter'] ?? told['retryAfter']))
    case ErrorTypes.EVENT_STORE_NOT_FOUND: return new classes.EventStoreNotFoundError(message, init)
    case ErrorTypes.SUBSCRIPTION_NOT_FOUND: return new classes.SubscriptionNotFoundError(message, init)
    case ErrorTypes.EVENT_ID_CONFLICT: return new classes.EventIdConflictError(message, init)
    case ErrorTypes.ENTITY_EXISTS: return new classes.EntityExistsError(message, init)
    case ErrorTypes.ENTITY_DELETED: return new classes.EntityDeletedError(message, init)
    case ErrorTypes.PRECONDITION_FAILED: return new classes.PreconditionFailedError(message, init)
    case ErrorTypes.IDEMPOTENCY_CONFLICT: return new classes.IdempotencyConflictError(message, init)
    case ErrorTypes.LOG_REWOUND: return new classes.LogRewoundError(message, init)
    case ErrorTypes.TOO_LARGE: return new classes.TooLargeError(message, init)
    case ErrorTypes.DEADLINE_EXCEEDED: return new classes.TimeoutError(message, init)
    case ErrorTypes.UNSUPPORTED: return new classes.UnsupportedError(message, init)
    case ErrorTypes.SHUTTING_DOWN:
    case ErrorTypes.TOO_MANY_CONNECTIONS: return new classes.ServiceUnavailableError(message, init)
    case ErrorTypes.DAMAGED:
    case ErrorTypes.STORE_LOCKED:
    case ErrorTypes.STORE_FAILED:
    case ErrorTypes.STORE_CLOSED:
    case ErrorTypes.STORE_FULL: return new classes.StorageError(message, init)
    default: return byStatus(message, init, subject)
  }
}

function byStatus(message: string, init: ErrorInit, subject?: Subject): NacreError {
  switch (init.status) {
    case 400:
      return subject?.kind === 'subscription'
        ? new classes.InvalidSubscriptionConfigError(message, init)
        : new classes.ValidationError(message, init)
    case 401: return new classes.AuthenticationError(message, init)
    case 403: return new classes.AuthorizationError(message, init)
    case 404:
      return subject?.kind === 'subscription'
        ? new classes.SubscriptionNotFoundError(message, init)
        : new classes.NotFoundError(message, init)
    case 408:
    case 504: return new classes.TimeoutError(message, init)
    case 413: return new classes.TooLargeError(message, init)
    case 429: return new classes.RateLimitError(message, init, undefined)
    case 502:
    case 503: return new classes.ServiceUnavailableError(message, init)
    default: return init.status >= 500 ? new classes.InternalServerError(message, init) : new NacreError(message, init)
  }
}

/** The code for an answer that has none, such as a proxy's. */
function codeOf(status: number): string {
  switch (status) {
    case 400: return ErrorTypes.INVALID_ARGUMENT
    case 401: return ErrorTypes.UNAUTHORIZED
    case 403: return ErrorTypes.FORBIDDEN
    case 404: return ErrorTypes.NOT_FOUND
    case 413: return ErrorTypes.TOO_LARGE
    case 429: return ErrorTypes.RATE_LIMITED
    case 408:
    case 504: return ErrorTypes.DEADLINE_EXCEEDED
    default: return ErrorTypes.INTERNAL
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const number = (value: unknown): number | undefined => typeof value === 'number' ? value : undefined
const text = (value: unknown): string | undefined => typeof value === 'string' ? value : undefined
const version = (value: unknown): number | string | undefined => number(value) ?? text(value)
