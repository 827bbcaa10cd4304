import { NacreError } from '../errors/base.js'
import { UnknownOutcomeError } from '../errors/classes.js'
import { ErrorTypes, isServerCode } from '../errors/types.js'
import { newEventId } from '../events/ids.js'
import { Failure } from '../http/failure.js'
import type { Request, Transport } from '../http/transport.js'
import { checkKey } from '../store/key.js'
import type { ChangeOptions, Committed } from './types.js'

/** Sends edits with a key, so that they may be sent again, and take place once. */
export async function send<T extends Committed>(
  transport: Transport, request: Request, { idempotencyKey, ifMatch, signal }: ChangeOptions,
): Promise<T> {
  checkKey(idempotencyKey)
  const key = idempotencyKey ?? newEventId()
  const headers: Record<string, string> = { 'Idempotency-Key': key }
  if (ifMatch !== undefined) headers['If-Match'] = `"${ifMatch.heads.join('.')}"`
  try {
    const { body, doubtful } = await transport.send({ ...request, headers, signal, repeatable: true })
    const reply = body as T
    // What an earlier attempt of this very call did is no duplicate to the caller.
    if (doubtful && idempotencyKey === undefined) delete reply.duplicate
    return reply
  } catch (thrown) {
    throw thrown instanceof Failure ? outcome(thrown, key) : thrown
  }
}

// What the caller is told of edits that failed: what the server decided, or that it is not known. The server looks at the
// key first, so that what it refuses was not done by an earlier attempt.
function outcome(failure: Failure, key: string): unknown {
  const { error } = failure
  if (!failure.unknown) return error
  if (error instanceof NacreError && isServerCode(error.errorType)) {
    if ([400, 404, 409, 410, 412, 413].includes(error.status)) return error
  }
  const times = failure.attempts === 1 ? 'once' : `${failure.attempts} times`
  const why = error instanceof Error ? error.message : String(error)
  return new UnknownOutcomeError(
    `edits may or may not have been made (sent ${times}): make them with the idempotencyKey ${JSON.stringify(key)} again to know: ${why}`,
    {
      status: error instanceof NacreError ? error.status : 0, errorType: ErrorTypes.UNKNOWN_OUTCOME, cause: error,
      body: error instanceof NacreError ? error.body : undefined,
      details: { ...(error instanceof NacreError ? error.details : undefined), idempotencyKey: key },
    },
    [], failure.attempts,
  )
}
