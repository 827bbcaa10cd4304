import { ValidationError } from './classes.js'
import { ErrorTypes } from './types.js'

/** What the assertions of this file say. */
export const ValidationErrors = {
  NOT_A_NONEMPTY_STRING: 'NOT_A_NONEMPTY_STRING',
  NOT_A_POSITIVE_NUMBER: 'NOT_A_POSITIVE_NUMBER',
  NOT_AN_UNSIGNED_BIGINT: 'NOT_AN_UNSIGNED_BIGINT',
} as const

export const isString = (value: unknown): value is string => typeof value === 'string'

/** Tells whether a value is a number, NaN not being one. */
export const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value)

/** The error of a value that is wrong before anything was sent. */
export function invalid(message: string, field?: string): ValidationError {
  const details = field === undefined ? undefined : { field }
  return new ValidationError(message, { status: 400, errorType: ErrorTypes.INVALID_ARGUMENT, details })
}

export function assertNotEmptyString(value: unknown): asserts value is string {
  if (!isString(value) || value === '') throw invalid(ValidationErrors.NOT_A_NONEMPTY_STRING)
}

export function assertPositiveNumber(value: unknown): asserts value is number {
  if (!isNumber(value) || value <= 0) throw invalid(ValidationErrors.NOT_A_POSITIVE_NUMBER)
}

/** Reads a decimal number without a sign, of any size. */
export function assertUnsignedBigInt(value: string): bigint {
  if (!/^[0-9]+$/.test(value)) throw invalid(ValidationErrors.NOT_AN_UNSIGNED_BIGINT)
  return BigInt(value)
}
