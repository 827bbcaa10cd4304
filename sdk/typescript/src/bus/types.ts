import type { AnyEvent, EventFilter, Filter, ReadEvent } from '../events/types.js'
import type { RequestOptions } from '../store/contract.js'

/** What kinds of subscribers DeltaBase names; a server says which it has. */
export const SubscriberType = {
  Webhook: 'webhook',
  DurableObject: 'durable_object',
  Queue: 'queue',
  CloudflareWorkflow: 'cloudflare_workflow',
  WebSocket: 'websocket',
} as const
export type SubscriberType = (typeof SubscriberType)[keyof typeof SubscriberType]

export const SubscriptionStatus = {
  Active: 'ACTIVE',
  Paused: 'PAUSED',
  /** The receiver fails, and is tried again. */
  Retrying: 'RETRYING',
  /** Ended by failures, until it is resumed. */
  Suspended: 'SUSPENDED',
  Error: 'ERROR',
  Initializing: 'INITIALIZING',
  Deleted: 'DELETED',
} as const
export type SubscriptionStatus = (typeof SubscriptionStatus)[keyof typeof SubscriptionStatus]

/** How often a delivery is tried, and how long is waited in between. */
export interface RetryPolicy {
  maxAttempts?: number
  strategy?: 'exponential' | 'linear' | 'fixed'
  initialDelayMs?: number
  maxDelayMs?: number
  multiplier?: number
  /** How much the waits vary at random, 0 to 100. */
  jitterPercent?: number
}

/** Where a durable subscription begins: at an end, behind a global position, or at a time. */
export type SubscriptionStart = 'earliest' | 'latest' | number | string | Date

/** A durable subscription, as the server tells it. */
export interface Subscription {
  subscriptionId: string
  status: SubscriptionStatus
  name?: string
  kind?: 'webhook' | 'group' | 'relay' | (string & {})
  filter?: Filter
  start?: string | number
  /** The last global position that is done. */
  position?: number
  /** The log's end. */
  head?: number
  /** How many positions it is behind. */
  lag?: number
  lastError?: unknown
  config?: Record<string, unknown>
  policy?: Record<string, unknown>
  createdAt?: string
  updatedAt?: string
  /** What DeltaBase's form of a subscription has. */
  eventStoreName?: string
  eventFilter?: string | string[]
  subscriberId?: string
  subscriberType?: SubscriberType | (string & {})
  statusDetails?: { lastError?: string; lastErrorAt?: string; retryCount?: number; nextRetryAt?: string }
  lastProcessedEventGlobalPosition?: number
  /** The same webhook was there already, and this is it. */
  isExistingSubscription?: boolean
  message?: string
}

export interface CreateSubscriptionOptions {
  /** 1 to 64 of letters, digits, ".", "_" and "-". Default: one is made. */
  name?: string
  kind: 'webhook' | 'group' | 'relay'
  filter?: EventFilter
  /** Default: as the server has it. */
  start?: SubscriptionStart
  /** What belongs to the kind. */
  config?: Record<string, unknown>
  /** How events are delivered. */
  policy?: Record<string, unknown>
}

/** What to change; what is left out stays as it is. */
export type UpdateSubscriptionOptions = Partial<Omit<CreateSubscriptionOptions, 'name' | 'kind'>>

/** DeltaBase's form of a durable subscription. */
export interface SubscribeOptions {
  eventFilter: string | readonly string[]
  subscriber: { type: SubscriberType | (string & {}); config: Record<string, unknown> }
  initialPosition?: 'earliest' | 'latest'
}

export interface WebhookOptions extends RequestOptions {
  /** Headers of every delivery. */
  headers?: Record<string, string>
  /** Milliseconds that the receiver may take. */
  timeoutMs?: number
  retryPolicy?: RetryPolicy
  initialPosition?: 'earliest' | 'latest'
  /** Further members of the webhook's configuration, such as its secrets. */
  config?: Record<string, unknown>
  /** The subscription's name. Default: one is made. */
  name?: string
  /** In place of `initialPosition`. */
  start?: SubscriptionStart
  /** How events are delivered: order, window and what becomes of those that fail. */
  policy?: Record<string, unknown>
}

export interface ListSubscriptionsOptions extends RequestOptions {
  subscriberType?: SubscriberType | (string & {})
  eventFilter?: string
  limit?: number
  offset?: number
}

export interface ListSubscriptionsResponse {
  subscriptions: Subscription[]
  totalCount: number
}

export interface PageOptions extends RequestOptions {
  limit?: number
  offset?: number
}

/** One event for a consumer, to be acknowledged by `deliveryId`. */
export interface Delivery<E extends AnyEvent = AnyEvent> {
  /** Another one at each attempt. */
  deliveryId: string
  /** Counts from 1. */
  attempt: number
  event: ReadEvent<E>
}

/** What becomes of an event that was not worked off: tried again after a while, set aside, or taken for done. */
export interface NackDecision {
  action: 'retry' | 'park' | 'skip'
  /** Milliseconds before it is given again. */
  afterMs?: number
}

export interface Nack extends NackDecision {
  deliveryId: string
}
