import { path, type Transport } from '../http/transport.js'
import type { RequestOptions } from '../store/contract.js'
import { EntityCollection } from './collection.js'
import { send } from './send.js'
import type { Collection, CollectionSchema, Edit, EditContext, EditOptions, Policies, PolicyVerdict, TransactOptions, Transaction, Values } from './types.js'

/** The collections of entities of an event store. */
export class EntityStore {
  private readonly root: string

  constructor(private readonly transport: Transport, readonly name: string) {
    this.root = path`/event-stores/${name}`
  }

  /** The entities of a collection. That it exists is seen at the first call. */
  collection<V extends object = Values>(name: string): EntityCollection<V> {
    return new EntityCollection<V>(this.transport, this.name, name)
  }

  /** The collections that have a schema, by name. */
  async collections(options: RequestOptions = {}): Promise<Collection[]> {
    const reply = await this.transport.json<{ collections: Collection[] }>({
      method: 'GET', path: `${this.root}/collections`, signal: options.signal,
    })
    return reply.collections
  }

  /** A collection with its schema. */
  async schema(name: string, options: RequestOptions = {}): Promise<Collection> {
    return this.transport.json({ method: 'GET', path: this.root + path`/collections/${name}`, signal: options.signal })
  }

  /** Declares a collection's schema; the same again changes nothing. It needs the permission `manage:collections`. */
  async declare(
    name: string, schema: CollectionSchema, options: RequestOptions & { context?: EditContext } = {},
  ): Promise<Collection> {
    const { context, signal } = options
    return this.transport.json({
      method: 'PUT', path: this.root + path`/collections/${name}`, body: schema, query: { ...context }, signal,
    })
  }

  /** Who may read and who may write which entities of a collection. It needs the permission `manage:collections`, and so does setting them. */
  async policies(name: string, options: RequestOptions = {}): Promise<Policies> {
    return this.transport.json({ method: 'GET', path: this.root + path`/collections/${name}/policies`, signal: options.signal })
  }

  /** Has policies in the place of those that a collection has: `{ read: "owner = :sub OR public", write: "owner = :sub" }`. */
  async setPolicies(
    name: string, policies: Partial<Policies>, options: RequestOptions & { context?: EditContext } = {},
  ): Promise<Policies> {
    const { context, signal } = options
    return this.transport.json({
      method: 'PUT', path: this.root + path`/collections/${name}/policies`, body: policies, query: { ...context }, signal,
    })
  }

  /** What the policies of a collection let a caller do with an entity that is there, or with values of one. */
  async testPolicies(
    name: string, claims: Record<string, unknown>, of: { id: string } | { values: Values }, options: RequestOptions = {},
  ): Promise<{ read: PolicyVerdict; write: PolicyVerdict }> {
    return this.transport.json({
      method: 'POST', path: this.root + path`/collections/${name}/policies/test`, body: { claims, ...of }, signal: options.signal, repeatable: true,
    })
  }

  /** Makes edits of any entities, all of them or none. */
  async transact(edits: readonly Edit[], options: TransactOptions = {}): Promise<Transaction> {
    const { strict, context } = options
    return send(this.transport, { method: 'POST', path: `${this.root}/transactions`, body: { edits, strict, context } }, options)
  }

  /**
   * Takes back what transactions of the same actor did, by the position of any event of each: of one, or of several together. What
   * others wrote stays.
   */
  async undo(positions: number | readonly number[], options: EditOptions = {}): Promise<Transaction> {
    return send(this.transport, {
      method: 'POST', path: `${this.root}/transactions/undo`,
      body: { positions: typeof positions === 'number' ? [positions] : positions, context: options.context },
    }, options)
  }
}
