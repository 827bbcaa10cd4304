import { invalid } from '../errors/assertions.js'
import { isObject } from '../errors/from-reply.js'
import { toFilter } from '../events/filter.js'
import type { AnyEvent, EventFilter } from '../events/types.js'
import { path, type QueryValue, type Request, type Transport } from '../http/transport.js'
import type { RequestOptions } from '../store/contract.js'
import { ConsumerGroup, type ConsumerGroupOptions } from './consumer-group.js'
import { EventSubscription, type FollowOptions } from './subscription.js'
import {
  type CreateSubscriptionOptions, type DeliveryLog, type ListSubscriptionsOptions, type ListSubscriptionsResponse,
  type PageOptions, type SubscribeOptions, SubscriberType, type Subscription, type SubscriptionDeadLetters,
  type SubscriptionStart, type UpdateSubscriptionOptions, type WebhookOptions,
} from './types.js'

/** Follows the events of a store, and looks after its durable subscriptions. */
export class EventBus {
  private readonly root: string

  constructor(private readonly transport: Transport, readonly eventStoreName: string) {
    this.root = path`/event-stores/${eventStoreName}`
  }

  /** Follows the store: `for await (const event of bus.subscribe('order.*'))`. */
  subscribe<E extends AnyEvent = AnyEvent>(filter?: EventFilter, options?: FollowOptions): EventSubscription<E>
  /** Makes a durable subscription of DeltaBase's form. */
  subscribe(subscription: SubscribeOptions, options?: RequestOptions): Promise<Subscription>
  subscribe(filter?: EventFilter | SubscribeOptions, options: FollowOptions = {}): EventSubscription | Promise<Subscription> {
    if (isSubscriber(filter)) {
      return this.call('', {
        method: 'POST', path: `${this.root}/subscribe`, body: filter, signal: options.signal,
        repeatable: filter.subscriber?.type === SubscriberType.Webhook,
      })
    }
    return new EventSubscription(this.transport, this.eventStoreName, filter, options)
  }

  /**
   * Has events sent to an address. The same webhook twice is answered with the first. What it is signed with is the
   * reply's `secret`, which is told this once: {@link rotateWebhookSecret} makes another one.
   */
  async subscribeWebhook(filter: EventFilter, url: string, options: WebhookOptions = {}): Promise<Subscription> {
    const { headers, timeoutMs, retryPolicy, initialPosition, signal, config, name, start, policy, where } = options
    const receiver = { ...config, url, ...defined({ headers, timeoutMs }) }
    const plain = typeof filter === 'string' || Array.isArray(filter)
    if (plain && config === undefined && name === undefined && start === undefined && policy === undefined && where === undefined) {
      return this.call('', {
        method: 'POST', path: `${this.root}/subscribe`, signal, repeatable: true,
        body: {
          eventFilter: filter, subscriber: { type: 'webhook', config: { ...receiver, ...defined({ retryPolicy }) } },
          ...defined({ initialPosition }),
        },
      })
    }
    return this.createSubscription({
      kind: 'webhook', filter, config: receiver,
      ...defined({ name, where, start: start ?? initialPosition, policy: retryPolicy === undefined ? policy : { ...policy, retry: retryPolicy } }),
    }, signal === undefined ? {} : { signal })
  }

  /** Makes a durable subscription. */
  async createSubscription(subscription: CreateSubscriptionOptions, options: RequestOptions = {}): Promise<Subscription> {
    return this.call(subscription.name ?? '', {
      method: 'POST', path: `${this.root}/subscriptions`, body: wireForm(subscription), signal: options.signal,
      repeatable: true, // the same one is found again
    })
  }

  async listSubscriptions(options: ListSubscriptionsOptions = {}): Promise<ListSubscriptionsResponse> {
    const { signal, ...query } = options
    return this.call('', { method: 'GET', path: `${this.root}/subscriptions`, query, signal })
  }

  async getSubscription(id: string, options: RequestOptions = {}): Promise<Subscription> {
    return this.call(id, { method: 'GET', path: this.at(id), signal: options.signal })
  }

  async updateSubscription(id: string, change: UpdateSubscriptionOptions, options: RequestOptions = {}): Promise<Subscription> {
    return this.call(id, { method: 'PATCH', path: this.at(id), body: wireForm(change), signal: options.signal })
  }

  /** Deletes a durable subscription. */
  async unsubscribe(id: string, options: RequestOptions = {}): Promise<{ success: boolean; message?: string }> {
    const reply = await this.call<{ success: boolean; message?: string } | undefined>(id, {
      method: 'DELETE', path: this.at(id), signal: options.signal, repeatable: false,
    })
    return reply ?? { success: true }
  }

  /**
   * Gives a webhook a new secret, and tells it. The old ones sign along for `overlapMs`, a day unless given, in which receivers
   * are given the new one, in whole seconds; 0 ends them at once.
   */
  async rotateWebhookSecret(id: string, options: RequestOptions & { overlapMs?: number } = {}): Promise<string> {
    const { overlapMs = 86_400_000, ...request } = options
    if (!(overlapMs >= 0)) throw invalid('give 0 at least', 'overlapMs')
    const { config } = await this.getSubscription(id, request)
    const changed = await this.updateSubscription(id, { config: { ...config, rotateSeconds: Math.ceil(overlapMs / 1000) } }, request)
    return changed.secret ?? ''
  }

  async pauseSubscription(id: string, options: RequestOptions = {}): Promise<Subscription> {
    return this.order(id, 'pause', options)
  }

  async resumeSubscription(id: string, options: RequestOptions = {}): Promise<Subscription> {
    return this.order(id, 'resume', options)
  }

  /** Delivers again everything from a global position on, inclusive. */
  async replaySubscription(id: string, from: number, options: RequestOptions = {}): Promise<Subscription> {
    return this.order(id, 'replay', options, undefined, { from })
  }

  /** What was sent last, and what came of it. */
  async listDeliveries(id: string, options: PageOptions = {}): Promise<DeliveryLog> {
    const { signal, ...query } = options
    return this.call(id, { method: 'GET', path: `${this.at(id)}/deliveries`, query, signal })
  }

  async listDeadLetters(id: string, options: PageOptions = {}): Promise<SubscriptionDeadLetters> {
    const { signal, ...query } = options
    return this.call(id, { method: 'GET', path: `${this.at(id)}/dead-letters`, query, signal })
  }

  /** Tries dead letters again: those of the ids, or all. */
  async retryDeadLetters(id: string, ids?: readonly string[], options: RequestOptions = {}): Promise<{ retried: number }> {
    return this.order(id, 'dead-letters/retry', options, defined({ ids }))
  }

  /** Gives dead letters up: those of the ids, or all. */
  async discardDeadLetters(id: string, ids?: readonly string[], options: RequestOptions = {}): Promise<{ discarded: number }> {
    return this.order(id, 'dead-letters/discard', options, defined({ ids }))
  }

  /** Makes a consumer group, whose consumers share its events. The same group twice is answered with the first. */
  async createConsumerGroup(name: string, options: Omit<CreateSubscriptionOptions, 'name' | 'kind'> = {}): Promise<Subscription> {
    return this.createSubscription({ ...options, name, kind: 'group' })
  }

  /** A consumer group that is there. */
  getConsumerGroup<E extends AnyEvent = AnyEvent>(name: string, options?: ConsumerGroupOptions): ConsumerGroup<E> {
    return new ConsumerGroup<E>(this.transport, this.eventStoreName, name, options)
  }

  private at(id: string): string {
    return this.root + path`/subscriptions/${id}`
  }

  private async order<T>(
    id: string, order: string, options: RequestOptions, body?: unknown, query?: Record<string, QueryValue>,
  ): Promise<T> {
    return this.call(id, {
      method: 'POST', path: `${this.at(id)}/${order}`, body, signal: options.signal, repeatable: true,
      ...(query === undefined ? {} : { query }),
    })
  }

  private async call<T>(name: string, request: Request): Promise<T> {
    return this.transport.json<T>({ ...request, subject: { kind: 'subscription', name } })
  }
}

function isSubscriber(value: unknown): value is SubscribeOptions {
  return isObject(value) && 'subscriber' in value
}

function wireForm(subscription: Partial<CreateSubscriptionOptions>): Record<string, unknown> {
  const { filter, start, ...rest } = subscription
  return { ...rest, ...defined({ filter: filter === undefined ? undefined : toFilter(filter), start: startForm(start) }) }
}

function startForm(start: SubscriptionStart | undefined): string | number | undefined {
  return start instanceof Date ? start.toISOString() : start
}

function defined(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
