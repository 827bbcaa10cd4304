import { type ErrorInit, mark, NacreError } from './base.js'

/** No credential was given, or one that is not valid. */
export class AuthenticationError extends NacreError {
  static {
    mark(this, 'AuthenticationError')
  }
}

/** The credential does not allow this. */
export class AuthorizationError extends NacreError {
  static {
    mark(this, 'AuthorizationError')
  }
}

/** A request that is wrong in itself. */
export class ValidationError extends NacreError {
  /** What is wrong, by the field, such as `events[3].type`; by "" where it is no field. */
  readonly validationErrors: Record<string, string[]>

  static {
    mark(this, 'ValidationError')
  }

  constructor(message: string, init: ErrorInit) {
    super(message, init)
    const field = init.details?.['field']
    this.validationErrors = { [typeof field === 'string' ? field : '']: [message] }
  }
}

/** The configuration of a subscription is wrong. */
export class InvalidSubscriptionConfigError extends ValidationError {
  static {
    mark(this, 'InvalidSubscriptionConfigError')
  }
}

/** What was named does not exist. */
export class NotFoundError extends NacreError {
  static {
    mark(this, 'NotFoundError')
  }
}

export class EventStoreNotFoundError extends NotFoundError {
  static {
    mark(this, 'EventStoreNotFoundError')
  }
}

/**
 * There is no such stream. This package never throws it, since a stream that does not exist reads as an empty one;
 * it is here for programs that do.
 */
export class StreamNotFoundError extends NotFoundError {
  static {
    mark(this, 'StreamNotFoundError')
  }
}

export class SubscriptionNotFoundError extends NotFoundError {
  static {
    mark(this, 'SubscriptionNotFoundError')
  }
}

/** There is an event store of this name already; `name` is the store's. */
export class EventStoreAlreadyExistsError extends NacreError {
  static {
    mark(this, 'EventStoreAlreadyExistsError')
  }

  constructor(message: string, init: ErrorInit, name: string) {
    super(message, init)
    this.name = name
  }
}

export type TellableVersion = number | string | undefined

/** Something is not at the version that was expected: read again, decide again. */
export class VersionConflictError extends NacreError {
  readonly currentVersion: number | undefined
  readonly expectedVersion: TellableVersion

  static {
    mark(this, 'VersionConflictError')
  }

  constructor(message: string, init: ErrorInit, current: number | undefined, expected: TellableVersion) {
    super(message, init)
    this.currentVersion = current
    this.expectedVersion = expected
  }
}

/** A stream is not at the version that was expected; nothing was appended. */
export class StreamVersionConflictError extends VersionConflictError {
  readonly streamId: string | undefined

  static {
    mark(this, 'StreamVersionConflictError')
  }

  constructor(
    message: string, init: ErrorInit, current: number | undefined, expected: TellableVersion, streamId: string | undefined,
  ) {
    super(message, init, current, expected)
    this.streamId = streamId
  }
}

/** Events match the append condition; nothing was appended. */
export class AppendConditionFailedError extends NacreError {
  /** Where such events stand: the first ones, 100 at most. */
  readonly conflictingPositions: readonly number[]
  /** What the condition had as `after`. */
  readonly afterPosition: number

  static {
    mark(this, 'AppendConditionFailedError')
  }

  constructor(message: string, init: ErrorInit, conflicting: readonly number[], after: number) {
    super(message, init)
    this.conflictingPositions = conflicting
    this.afterPosition = after
  }
}

/** The stream holds an event of this id, with another type or other data. */
export class EventIdConflictError extends NacreError {
  static {
    mark(this, 'EventIdConflictError')
  }
}

/** There is an entity of this id in the collection already; it may be deleted. */
export class EntityExistsError extends NacreError {
  static {
    mark(this, 'EntityExistsError')
  }
}

/** The entity is deleted; it can be restored. */
export class EntityDeletedError extends NacreError {
  static {
    mark(this, 'EntityDeletedError')
  }
}

/** The entity has changed since it was read: get it again, decide again. */
export class PreconditionFailedError extends NacreError {
  static {
    mark(this, 'PreconditionFailedError')
  }
}

/** The idempotency key was given before, with another request. */
export class IdempotencyConflictError extends NacreError {
  static {
    mark(this, 'IdempotencyConflictError')
  }
}

/** A cursor is of another history of the log, which was cut or restored: begin anew. */
export class LogRewoundError extends NacreError {
  static {
    mark(this, 'LogRewoundError')
  }
}

/** A request, event or batch is beyond a limit. */
export class TooLargeError extends NacreError {
  static {
    mark(this, 'TooLargeError')
  }
}

/** What was given cannot be written as JSON, or what came cannot be read. */
export class SerializationError extends NacreError {
  static {
    mark(this, 'SerializationError')
  }
}

/** The store cannot do it now: it is closed, locked, full, damaged, or a write failed. */
export class StorageError extends NacreError {
  static {
    mark(this, 'StorageError')
  }
}

/** No answer came in time. */
export class TimeoutError extends NacreError {
  static {
    mark(this, 'TimeoutError')
  }
}

/** Too many requests. */
export class RateLimitError extends NacreError {
  /** The seconds to wait, where the server told them. */
  readonly retryAfter: number | undefined

  static {
    mark(this, 'RateLimitError')
  }

  constructor(message: string, init: ErrorInit, retryAfter: number | undefined) {
    super(message, init)
    this.retryAfter = retryAfter
  }
}

/** An error inside the server; its log has more. */
export class InternalServerError extends NacreError {
  static {
    mark(this, 'InternalServerError')
  }
}

/** The server stops, or has as many connections as it takes. */
export class ServiceUnavailableError extends NacreError {
  static {
    mark(this, 'ServiceUnavailableError')
  }
}

/** The server cannot answer that. */
export class UnsupportedError extends NacreError {
  static {
    mark(this, 'UnsupportedError')
  }
}

/** No connection came about, or it broke off. `status` is 0. */
export class ConnectionError extends NacreError {
  static {
    mark(this, 'ConnectionError')
  }
}

/** One append of a batch, as it was sent: every event has an id. */
export interface SentAppend {
  streamId: string
  events: readonly object[]
}

/**
 * An append was sent and its answer never came, so that it may or may not have taken place. Appending `appends` again
 * tells, and never writes twice, since its events have ids; so does the same `idempotencyKey`. Of edits of entities there are no
 * `appends`; `details.idempotencyKey` is the key that they were sent with.
 */
export class UnknownOutcomeError extends NacreError {
  readonly appends: readonly SentAppend[]
  readonly attempts: number

  static {
    mark(this, 'UnknownOutcomeError')
  }

  constructor(message: string, init: ErrorInit, appends: readonly SentAppend[], attempts: number) {
    super(message, init)
    this.appends = appends
    this.attempts = attempts
  }
}

/** An inline projection failed. The events are appended: do not append them again. */
export class InlineProjectionError extends NacreError {
  /** What the append came to. */
  readonly result: unknown
  readonly projectionName: string

  static {
    mark(this, 'InlineProjectionError')
  }

  constructor(message: string, init: ErrorInit, projectionName: string, result: unknown) {
    super(message, init)
    this.projectionName = projectionName
    this.result = result
  }
}

/** A webhook is not what the server signed, or too old. Answer it with `status`, which is 401 or 400. */
export class WebhookVerificationError extends NacreError {
  static {
    mark(this, 'WebhookVerificationError')
  }
}
