import type { AnyEvent, EventTypeOf, ReadEvent } from '../events/types.js'
import type { InlineProjection, ProjectionSource } from './inline.js'
import type { ReadModelStore } from './read-model-store.js'
import { Turns } from './turns.js'

/** A document and how far it has come: `_position` is the global position of the last event that it took. */
export type PositionedDocument<Document> = Document & { readonly _position: number }

export interface MultiStreamProjectionOptions<Document extends object, E extends AnyEvent = AnyEvent> {
  /** Names the collection of the documents; the position is kept in the collection NAME and `.position`. */
  projectionName: string
  store: ReadModelStore
  /** The types that it handles. */
  canHandle: readonly EventTypeOf<E>[]
  initialState: () => Document
  evolve: (document: Document, event: ReadEvent<E>) => Document
  /** The document that an event belongs to. */
  getDocumentId: (event: ReadEvent<E>) => string
}

/**
 * Keeps documents that are made of events of many streams, with a position in the log. What others appended since then is
 * read before what is given, so that every event is taken once and in the order of the log.
 */
export function multiStreamProjection<Document extends object, E extends AnyEvent = AnyEvent>(
  options: MultiStreamProjectionOptions<Document, E>,
): InlineProjection & Required<Pick<InlineProjection, 'lastProcessedPosition' | 'catchUp'>> {
  const { projectionName, store, canHandle, initialState, evolve, getDocumentId } = options
  const types: readonly string[] = canHandle
  const positions = `${projectionName}.position`
  const turns = new Turns()

  async function take(event: ReadEvent<E>): Promise<void> {
    const id = getDocumentId(event)
    const stored = await store.get<PositionedDocument<Document>>(projectionName, id)
    // Documents are kept before the position is, so that some may be ahead of it.
    if (stored !== undefined && stored._position >= event.globalPosition) return
    let document: Document = initialState()
    if (stored !== undefined) {
      const { _position: _, ...rest } = stored
      document = rest as unknown as Document
    }
    await store.put(projectionName, id, { ...evolve(document, event), _position: event.globalPosition })
  }

  async function lastProcessedPosition(): Promise<number> {
    return (await store.get<{ position: number }>(positions, 'position'))?.position ?? 0
  }

  async function takeAll(events: readonly ReadEvent[], upTo: number): Promise<void> {
    for (const event of events) if (types.includes(event.type)) await take(event as ReadEvent<E>)
    await store.put(positions, 'position', { position: upTo })
  }

  async function readOn(source: ProjectionSource, from: number): Promise<void> {
    for (let after = from; ;) {
      const page = await source.readByQuery({ items: [{ types }] }, { after })
      const last = page.at(-1)?.globalPosition
      if (last === undefined) return
      await takeAll(page, last)
      if (!page.hasMore) return
      after = last
    }
  }

  return {
    projectionName,
    supportedEventTypes: types,
    lastProcessedPosition,
    async catchUp(source) {
      await turns.take('', async () => readOn(source, await lastProcessedPosition()))
    },
    async processEvents(events, source) {
      await turns.take('', async () => {
        const before = await lastProcessedPosition()
        const last = events.at(-1)?.globalPosition ?? 0
        if (last <= before) return
        if (events[0]?.globalPosition === before + 1) await takeAll(events, last)
        else await readOn(source, before)
      })
    },
  }
}
