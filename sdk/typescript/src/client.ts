import { EventBus } from './bus/event-bus.js'
import { EntityStore } from './entities/entity-store.js'
import { type ClientOptions, settingsOf } from './http/options.js'
import { Transport } from './http/transport.js'
import { ManagementClient } from './management/management.js'
import type { EventStoreOptions } from './store/base.js'
import { checkStoreName, RemoteEventStore } from './store/remote.js'

/**
 * A server of nacre. It keeps no connection of its own and has nothing to close; what it gives may be used from
 * everywhere, also at once.
 */
export class NacreClient {
  private readonly transport: Transport

  constructor(options: ClientOptions = {}) {
    this.transport = new Transport(settingsOf(options))
  }

  /** An event store of the server. That it exists is seen at the first call. */
  getEventStore(name: string, options?: EventStoreOptions): RemoteEventStore {
    return new RemoteEventStore(this.transport, checkStoreName(name), options)
  }

  /** What follows an event store, and looks after its durable subscriptions and consumer groups. */
  getEventBus(name: string): EventBus {
    return new EventBus(this.transport, checkStoreName(name))
  }

  /** The collections of entities of an event store. */
  getEntities(name: string): EntityStore {
    return new EntityStore(this.transport, checkStoreName(name))
  }

  /** What makes, lists, changes and deletes event stores. */
  getManagement(): ManagementClient {
    return new ManagementClient(this.transport)
  }
}
