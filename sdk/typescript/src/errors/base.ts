/** What a server tells about an error, beside its code and message. */
export type ErrorDetails = Record<string, unknown>

export interface ErrorInit {
  /** The HTTP status; 0 where no answer came. */
  status: number
  /** The code, such as VERSION_CONFLICT. */
  errorType: string
  /** The whole body of the answer. */
  body?: unknown
  details?: ErrorDetails | undefined
  cause?: unknown
}

// Registered, so that guards know errors of another copy of this package, such as the CommonJS one.
const kinds = Symbol.for('@nacredb/client/error-kinds')

/** What every error of this package is. Act on `errorType` or a guard; `message` is for people. */
export class NacreError extends Error {
  readonly status: number
  readonly errorType: string
  readonly body: unknown
  readonly details: ErrorDetails | undefined

  static {
    mark(this, 'NacreError')
  }

  constructor(message: string, init: ErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause })
    this.status = init.status
    this.errorType = init.errorType
    this.body = init.body
    this.details = init.details
  }
}

/** Gives a class of errors its name, which outlives minifiers, and its place among the kinds. */
export function mark(type: { prototype: NacreError }, name: string): void {
  const above: readonly string[] = Reflect.get(type.prototype, kinds) ?? []
  Object.defineProperties(type.prototype, {
    name: { value: name, writable: true, configurable: true },
    [kinds]: { value: [...above, name] },
  })
}

/** Makes the guard of a class of errors: true for the class and what extends it, of any copy of this package. */
export function guard<T extends NacreError>(name: string): (error: unknown) => error is T {
  return (error: unknown): error is T => {
    if (typeof error !== 'object' || error === null) return false
    const of: unknown = Reflect.get(error, kinds)
    return Array.isArray(of) && of.includes(name)
  }
}
