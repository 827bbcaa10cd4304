import type { components } from '../generated/openapi.js'

/** Codes that servers have, and that stand in the specification. */
export type ServerCode = components['schemas']['Code']

const server: { [Code in ServerCode]: Code } = {
  APPEND_CONDITION_FAILED: 'APPEND_CONDITION_FAILED',
  CANCELED: 'CANCELED',
  CONFIRMATION_REQUIRED: 'CONFIRMATION_REQUIRED',
  CROSS_ORIGIN: 'CROSS_ORIGIN',
  DAMAGED: 'DAMAGED',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  EVENT_ID_CONFLICT: 'EVENT_ID_CONFLICT',
  EVENT_STORE_EXISTS: 'EVENT_STORE_EXISTS',
  EVENT_STORE_NOT_FOUND: 'EVENT_STORE_NOT_FOUND',
  FORBIDDEN: 'FORBIDDEN',
  INTERNAL: 'INTERNAL',
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  LOG_REWOUND: 'LOG_REWOUND',
  METHOD_NOT_ALLOWED: 'METHOD_NOT_ALLOWED',
  NOT_FOUND: 'NOT_FOUND',
  RATE_LIMITED: 'RATE_LIMITED',
  READ_ONLY: 'READ_ONLY',
  SHUTTING_DOWN: 'SHUTTING_DOWN',
  STORE_CLOSED: 'STORE_CLOSED',
  STORE_FAILED: 'STORE_FAILED',
  STORE_FULL: 'STORE_FULL',
  STORE_LOCKED: 'STORE_LOCKED',
  SUBSCRIPTION_EXISTS: 'SUBSCRIPTION_EXISTS',
  SUBSCRIPTION_HALTED: 'SUBSCRIPTION_HALTED',
  SUBSCRIPTION_NOT_FOUND: 'SUBSCRIPTION_NOT_FOUND',
  SUBSCRIPTION_WRONG_KIND: 'SUBSCRIPTION_WRONG_KIND',
  TOO_LARGE: 'TOO_LARGE',
  TOO_MANY_CONNECTIONS: 'TOO_MANY_CONNECTIONS',
  UNAUTHORIZED: 'UNAUTHORIZED',
  UNSUPPORTED: 'UNSUPPORTED',
  VERSION_CONFLICT: 'VERSION_CONFLICT',
}

/** What `errorType` of an error may be. A newer server may have codes that are not here. */
export const ErrorTypes = {
  ...server,
  /** No connection came about, or it broke off. */
  CONNECTION: 'CONNECTION',
  /** Something cannot be written or read as JSON. */
  SERIALIZATION: 'SERIALIZATION',
  /** It is not known whether an append took place. */
  UNKNOWN_OUTCOME: 'UNKNOWN_OUTCOME',
  INLINE_PROJECTION: 'INLINE_PROJECTION',
  WEBHOOK_VERIFICATION: 'WEBHOOK_VERIFICATION',
} as const

/** Tells whether a code is one of this version's servers. */
export function isServerCode(code: string): code is ServerCode {
  return Object.hasOwn(server, code)
}

/** DeltaBase's name for {@link ErrorTypes}. */
export const DeltaBaseErrorTypes = ErrorTypes

/** The status that goes with a code, where an error comes without one, as it does in a stream of events. */
export const statusOf: { [Code in ServerCode]: number } = {
  APPEND_CONDITION_FAILED: 409,
  CANCELED: 499,
  CONFIRMATION_REQUIRED: 400,
  CROSS_ORIGIN: 403,
  DAMAGED: 500,
  DEADLINE_EXCEEDED: 504,
  EVENT_ID_CONFLICT: 409,
  EVENT_STORE_EXISTS: 409,
  EVENT_STORE_NOT_FOUND: 404,
  FORBIDDEN: 403,
  INTERNAL: 500,
  INVALID_ARGUMENT: 400,
  LOG_REWOUND: 410,
  METHOD_NOT_ALLOWED: 405,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
  READ_ONLY: 403,
  SHUTTING_DOWN: 503,
  STORE_CLOSED: 503,
  STORE_FAILED: 503,
  STORE_FULL: 507,
  STORE_LOCKED: 503,
  SUBSCRIPTION_EXISTS: 409,
  SUBSCRIPTION_HALTED: 409,
  SUBSCRIPTION_NOT_FOUND: 404,
  SUBSCRIPTION_WRONG_KIND: 409,
  TOO_LARGE: 413,
  TOO_MANY_CONNECTIONS: 503,
  UNAUTHORIZED: 401,
  UNSUPPORTED: 501,
  VERSION_CONFLICT: 409,
}
