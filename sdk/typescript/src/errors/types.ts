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
  TOO_LARGE: 'TOO_LARGE',
  TOO_MANY_CONNECTIONS: 'TOO_MANY_CONNECTIONS',
  UNAUTHORIZED: 'UNAUTHORIZED',
  UNSUPPORTED: 'UNSUPPORTED',
  VERSION_CONFLICT: 'VERSION_CONFLICT',
}

/** What `errorType` of an error may be. A newer server may have codes that are not here. */
export const ErrorTypes = {
  ...server,
  SUBSCRIPTION_NOT_FOUND: 'SUBSCRIPTION_NOT_FOUND',
  /** No connection came about, or it broke off. */
  CONNECTION: 'CONNECTION',
  /** Something cannot be written or read as JSON. */
  SERIALIZATION: 'SERIALIZATION',
  /** It is not known whether an append took place. */
  UNKNOWN_OUTCOME: 'UNKNOWN_OUTCOME',
  INLINE_PROJECTION: 'INLINE_PROJECTION',
  WEBHOOK_VERIFICATION: 'WEBHOOK_VERIFICATION',
} as const

/** DeltaBase's name for {@link ErrorTypes}. */
export const DeltaBaseErrorTypes = ErrorTypes
