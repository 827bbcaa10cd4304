import type { AnyEvent, EventTypeOf, ReadEvent } from '../events/types.js'
import { Turns } from './turns.js'
import type { InlineProjection, ProjectionSource } from './inline.js'
import type { ReadModelStore } from './read-model-store.js'

/** A document and how far it has come: `_version` is the stream position of the last event that was looked at. */
export type VersionedDocument<Document> = Document & { readonly _version: number }

export interface SingleStreamProjectionOptions<Document extends object, E extends AnyEvent = AnyEvent> {
  /** Names the collection of the documents. */
  projectionName: string
  store: ReadModelStore
  /** The types that it handles. */
  canHandle: readonly EventTypeOf<E>[]
  initialState: () => Document
  evolve: (document: Document, event: ReadEvent<E>) => Document
  /** Default: the stream's id. */
  getDocumentId?: (streamId: string) => string
}

/**
 * Keeps one document for each stream. An event that was taken before changes nothing, and where some are missing, such as
 * those of another process that is about to take them, they are read from the stream first.
 */
export function singleStreamProjection<Document extends object, E extends AnyEvent = AnyEvent>(
  options: SingleStreamProjectionOptions<Document, E>,
): InlineProjection {
  const { projectionName, store, canHandle, initialState, evolve, getDocumentId = (id: string) => id } = options
  const types: readonly string[] = canHandle
  const turns = new Turns()

  async function update(streamId: string, given: readonly ReadEvent[], source: ProjectionSource): Promise<void> {
    const id = getDocumentId(streamId)
    const stored = await store.get<VersionedDocument<Document>>(projectionName, id)
    const before = stored?._version ?? -1
    const last = given.at(-1)?.streamPosition ?? -1
    if (last <= before) return
    const first = given[0]?.streamPosition ?? 0
    const events = first > before + 1 ? await source.readStream(streamId, { from: before + 1, to: last }) : given
    let document: Document = initialState()
    if (stored !== undefined) {
      const { _version: _, ...rest } = stored
      document = rest as unknown as Document
    }
    let handled = false
    for (const event of events) {
      if (event.streamPosition <= before || !types.includes(event.type)) continue
      document = evolve(document, event as ReadEvent<E>)
      handled = true
    }
    if (handled || stored !== undefined) await store.put(projectionName, id, { ...document, _version: last })
  }

  return {
    projectionName,
    supportedEventTypes: types,
    async processEvents(events, source) {
      const streams = new Map<string, ReadEvent[]>()
      for (const event of events) streams.set(event.streamId, [...(streams.get(event.streamId) ?? []), event])
      await Promise.all([...streams].map(([streamId, given]) => turns.take(streamId, () => update(streamId, given, source))))
    },
  }
}
