import { InlineProjectionError } from '../errors/classes.js'
import { ErrorTypes } from '../errors/types.js'
import type { ReadEvent } from '../events/types.js'
import type { EventStore } from '../store/contract.js'

/** What an inline projection reads to catch up: the store that was appended to. */
export type ProjectionSource = Pick<EventStore, 'readStream' | 'readByQuery'>

/** A fold over events, run wherever its program wants. */
export interface Projection {
  /** The types that it handles, without `*`; events of others are not its concern. */
  readonly supportedEventTypes: readonly string[]
  /** Takes events in the order of the log. It may be given events again, which must change nothing. */
  processEvents(events: readonly ReadEvent[], source: ProjectionSource): Promise<void> | void
}

/** A projection that is run behind each append, in the process that appends, before the append returns. */
export interface InlineProjection extends Projection {
  readonly projectionName: string
  /** The global position up to which it has come, where it keeps one. */
  lastProcessedPosition?(): Promise<number>
  /** Takes what other processes have appended meanwhile. */
  catchUp?(source: ProjectionSource): Promise<void>
}

/** Runs projections behind an append. The first error ends it, and says that the events are appended. */
export async function runInline(
  projections: readonly InlineProjection[], source: ProjectionSource, events: readonly ReadEvent[], result: unknown,
): Promise<void> {
  for (const projection of projections) {
    if (!events.some(event => projection.supportedEventTypes.includes(event.type))) continue
    try {
      await projection.processEvents(events, source)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new InlineProjectionError(
        `the events are appended, and the projection ${projection.projectionName} failed: ${why}`,
        { status: 500, errorType: ErrorTypes.INLINE_PROJECTION, cause }, projection.projectionName, result,
      )
    }
  }
}
