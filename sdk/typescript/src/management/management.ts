import type { components } from '../generated/openapi.js'
import { path, type Transport } from '../http/transport.js'
import type { RequestOptions } from '../store/contract.js'

type Schemas = components['schemas']

export type EventStoreInfo = Schemas['Store']
export type EventStoreSettings = Schemas['StoreSettings']
export type CreateEventStoreOptions = Schemas['StoreRequest']
export type UpdateEventStoreOptions = Schemas['StoreChange']

export interface ListEventStoresOptions extends RequestOptions {
  /** Default 50; 10,000 at most. */
  limit?: number
  offset?: number
  /** A part of the name. */
  filter?: string
}

export interface DeleteEventStoreOptions extends RequestOptions {
  /** Must be true: the store and all of its events are deleted for ever. */
  confirm?: boolean
}

/** Makes, lists, changes and deletes the event stores of a server. It needs the permission `manage:stores`. */
export class ManagementClient {
  constructor(private readonly transport: Transport) {}

  async createEventStore(store: CreateEventStoreOptions, options: RequestOptions = {}): Promise<EventStoreInfo> {
    return this.transport.json({
      method: 'POST', path: '/event-stores', body: store, signal: options.signal,
      subject: { kind: 'store', name: store.name },
    })
  }

  async listEventStores(options: ListEventStoresOptions = {}): Promise<Schemas['Stores']> {
    const { signal, ...query } = options
    return this.transport.json({ method: 'GET', path: '/event-stores', query, signal })
  }

  /** A store, with its statistics. */
  async getEventStore(name: string, options: RequestOptions = {}): Promise<EventStoreInfo> {
    return this.transport.json({ method: 'GET', path: path`/event-stores/${name}`, signal: options.signal })
  }

  /** Changes a description and settings. What is left out stays as it is. */
  async updateEventStoreSettings(
    name: string, change: UpdateEventStoreOptions, options: RequestOptions = {},
  ): Promise<EventStoreInfo> {
    return this.transport.json({
      method: 'PATCH', path: path`/event-stores/${name}/settings`, body: change, signal: options.signal,
    })
  }

  /** Deletes a store and all of its events, for ever: `deleteEventStore('orders', { confirm: true })`. */
  async deleteEventStore(name: string, options: DeleteEventStoreOptions = {}): Promise<Schemas['Deleted']> {
    const { confirm, signal } = options
    return this.transport.json({
      method: 'DELETE', path: path`/event-stores/${name}`, query: { confirm: confirm === true ? true : undefined }, signal,
      // A second request for what the first one deleted would be told that it is not there.
      repeatable: false,
    })
  }
}
