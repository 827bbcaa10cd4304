import type { components } from '../generated/openapi.js'
import type { RequestOptions } from '../store/contract.js'

type Schemas = components['schemas']

export type CollectionSchema = Schemas['CollectionSchema']
export type CollectionProperty = Schemas['CollectionProperty']
export type EntityConflict = Schemas['EntityConflict']
export type EntityDamage = Schemas['EntityDamage']
export type EntityDifference = Schemas['EntityDifference']
export type EntityEntry = Schemas['EntityEntry']
export type Policies = Schemas['Policies']
export type PolicyVerdict = Schemas['PolicyVerdict']

/** The values of an entity, by property. */
export type Values = Record<string, unknown>

export interface Collection {
  name: string
  schema: CollectionSchema
}

/** An entity as it was when it was read. */
export interface Entity<V extends object = Values> {
  collection: string
  id: string
  /** Those of properties that have one. */
  values: Partial<V>
  /** The events that it was read at. */
  heads: readonly string[]
}

/** What an edit came to, and the entity afterwards. */
export interface EditedEntity<V extends object = Values> extends Omit<Entity<V>, 'values'>, Committed {
  /** `null` while it is deleted, `undefined` for who may not read. */
  values: Partial<V> | null | undefined
  deleted?: boolean
}

/** Where edits stand in the log: at 0 where there was nothing to write. */
export interface Committed {
  transactionId?: string
  firstPosition: number
  lastPosition: number
  /** An edit with this `idempotencyKey` took place before. */
  duplicate?: boolean
}

/** What happened, and the ids of the entities in the order of the edits. */
export interface Transaction extends Committed {
  ids: readonly string[]
}

/** All that there is to know about an entity. */
export interface EntityInspection<V extends object = Values> extends Omit<Entity<V>, 'values'> {
  values: Partial<V> | null
  deleted?: boolean
  conflicts: EntityConflict[]
  damage: EntityDamage[]
  events: number
  waiting: { eventId: string; position: number; for: { streamId: string; eventId: string }[] }[]
  position: number
}

/** A change by kind of property: registers and references are set, the others also added to and removed from. */
export interface Patch {
  set?: object
  add?: object
  remove?: object
}

/** One edit of a transaction. */
export type Edit =
  | { do: 'create'; collection: string; id?: string; values?: object }
  | { do: 'patch'; collection: string; id: string; patch: Patch }
  | { do: 'delete' | 'restore'; collection: string; id: string }

/** A value of a query's parameter. */
export type QueryArgument = string | number | boolean | null | readonly (string | number | boolean | null)[]

export interface EntityQueryOptions extends RequestOptions {
  /** The values of `?`, in order. */
  args?: readonly QueryArgument[]
  /** The values of `:name`. */
  named?: Readonly<Record<string, QueryArgument>>
}

export interface EntityPageOptions extends EntityQueryOptions {
  /** The `next` of the page before, of the same query. */
  after?: string
  /** How many entities a page has. Default 1,000; 10,000 at most. */
  limit?: number
}

export interface EntityPage<V extends object = Values> {
  entities: { id: string; values: Partial<V> }[]
  /** The cursor of the next page; `undefined` where there is none. */
  next: string | undefined
  /** Up to where the log counts. */
  position: number
}

/** What a query with columns gives. */
export interface EntityTable {
  columns: string[]
  rows: unknown[][]
  position: number
}

export interface HistoryOptions extends RequestOptions {
  /** The position of an entry, behind which it begins. */
  after?: number
  /** The newest first. */
  backwards?: boolean
}

/** Who edits, and why: it stands in the metadata of the events. */
export interface EditContext {
  /** Default: whom the credential names. */
  actor?: string
  correlationId?: string
  causationId?: string
}

export interface EditOptions extends RequestOptions {
  context?: EditContext & { sourceDevice?: string; metadata?: Record<string, unknown> }
  /**
   * The same edit with the same key takes place once, for ever. Without one, a key is made for each call, so that what is sent
   * again when an answer is lost takes place once all the same.
   */
  idempotencyKey?: string
}

export interface ChangeOptions extends EditOptions {
  /** Only where the entity is as it was read; else it is a `PreconditionFailedError`. */
  ifMatch?: { readonly heads: readonly string[] }
}

export interface DeleteOptions extends Omit<ChangeOptions, 'context'> {
  context?: EditContext
}

export interface TransactOptions extends EditOptions {
  /** Fail with an `AppendConditionFailedError` where an entity has changed since it was read for this. Default: merge. */
  strict?: boolean
}
