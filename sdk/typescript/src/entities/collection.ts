import type { components } from '../generated/openapi.js'
import { path, type Transport } from '../http/transport.js'
import type { RequestOptions } from '../store/contract.js'
import { LiveQuery, type LiveOptions } from './live.js'
import { send } from './send.js'
import type {
  ChangeOptions, DeleteOptions, EditedEntity, EditOptions, Entity, EntityConflict, EntityDifference, EntityEntry, EntityInspection,
  EntityPage, EntityPageOptions, EntityQueryOptions, EntityTable, HistoryOptions, Patch, Values,
} from './types.js'

type Schemas = components['schemas']

/** The entities of a collection. */
export class EntityCollection<V extends object = Values> {
  private readonly root: string

  constructor(private readonly transport: Transport, store: string, readonly name: string) {
    this.root = path`/event-stores/${store}/collections/${name}`
  }

  private at(id: string): string {
    return this.root + path`/entities/${id}`
  }

  /** Makes an entity; without an id, one is made. */
  async create(values: Partial<V>, options: EditOptions & { id?: string } = {}): Promise<EditedEntity<V>> {
    const { id, context } = options
    return send(this.transport, { method: 'POST', path: `${this.root}/entities`, body: { id, values, context } }, options)
  }

  /** An entity with everything that was acknowledged before, or as it was at events of its history. */
  async get(id: string, options: RequestOptions & { at?: readonly string[] } = {}): Promise<Entity<V>> {
    return this.transport.json({
      method: 'GET', path: this.at(id), query: { at: options.at?.join(',') }, signal: options.signal,
    })
  }

  /** Changes an entity. Changes of others merge, unless `ifMatch` says that there must be none. */
  async patch(id: string, patch: Patch, options: ChangeOptions = {}): Promise<EditedEntity<V>> {
    const { set, add, remove } = patch
    return send(this.transport, { method: 'PATCH', path: this.at(id), body: { set, add, remove, context: options.context } }, options)
  }

  /** Marks an entity as deleted. Its history stays, and {@link restore} brings it back. */
  async delete(id: string, options: DeleteOptions = {}): Promise<EditedEntity<V>> {
    return send(this.transport, { method: 'DELETE', path: this.at(id), query: { ...options.context } }, options)
  }

  async restore(id: string, options: EditOptions = {}): Promise<EditedEntity<V>> {
    return send(this.transport, { method: 'POST', path: `${this.at(id)}/restore`, body: { context: options.context } }, options)
  }

  /** The entities that a query gives, all of them, page by page: `for await (const album of albums.query('year > 2000 ORDER BY year'))`. */
  async *query(query = '', options: EntityPageOptions = {}): AsyncGenerator<{ id: string; values: Partial<V> }, void, undefined> {
    for (let { after } = options; ;) {
      const page = await this.queryPage(query, after === undefined ? options : { ...options, after })
      yield* page.entities
      if (page.next === undefined) return
      after = page.next
    }
  }

  /** A page of what a query gives. */
  async queryPage(query = '', options: EntityPageOptions = {}): Promise<EntityPage<V>> {
    const page = await this.ask(query, options)
    return { entities: page.entities as EntityPage<V>['entities'] ?? [], next: page.next, position: page.position }
  }

  /** What a query with columns gives: `table('SELECT year, count(*) GROUP BY year')`. */
  async table(query: string, options: EntityQueryOptions = {}): Promise<EntityTable> {
    const { columns, rows, position } = await this.ask(query, options)
    return { columns: columns ?? [], rows: rows ?? [], position }
  }

  /** Follows what a query gives: first all of it, and then what becomes of it. */
  live(query = '', options: LiveOptions = {}): LiveQuery<V> {
    return new LiveQuery<V>(this.transport, `${this.root}/live`, query, options)
  }

  private async ask(query: string, { signal, ...rest }: EntityPageOptions): Promise<Schemas['EntityPage']> {
    return this.transport.json({ method: 'POST', path: `${this.root}/query`, body: { q: query, ...rest }, signal, repeatable: true })
  }

  /** What happened to an entity, in the order of the log or backwards. Parents stand before their children. */
  async *history(id: string, options: HistoryOptions = {}): AsyncGenerator<EntityEntry, void, undefined> {
    const { signal, ...query } = options
    for (let after = query.after; ;) {
      const page = await this.transport.json<Schemas['EntityHistory']>({
        method: 'GET', path: `${this.at(id)}/history`, query: { ...query, after }, signal,
      })
      yield* page.entries
      if (page.next === undefined) return
      after = page.next
    }
  }

  /** Where several wrote different values at once. Setting the property settles it. */
  async conflicts(id: string, options: RequestOptions = {}): Promise<EntityConflict[]> {
    const reply = await this.transport.json<{ conflicts: EntityConflict[] }>({
      method: 'GET', path: `${this.at(id)}/conflicts`, signal: options.signal,
    })
    return reply.conflicts
  }

  /** All about an entity, also about a deleted one. */
  async inspect(id: string, options: RequestOptions = {}): Promise<EntityInspection<V>> {
    return this.transport.json({ method: 'GET', path: `${this.at(id)}/inspect`, signal: options.signal })
  }

  /** What differs between two states; without `from` since before there was anything, without `to` up to now. */
  async diff(
    id: string, options: RequestOptions & { from?: readonly string[]; to?: readonly string[] } = {},
  ): Promise<EntityDifference[]> {
    const { from, to, signal } = options
    const reply = await this.transport.json<{ differences: EntityDifference[] }>({
      method: 'GET', path: `${this.at(id)}/diff`, query: { from: from?.join(','), to: to?.join(',') }, signal,
    })
    return reply.differences
  }
}
