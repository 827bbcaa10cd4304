import type { AnyEvent, EventFilter, ReadEvent } from '../events/types.js'
import type { components } from '../generated/openapi.js'
import type { RequestOptions } from '../store/contract.js'

type Schemas = components['schemas']

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

/** How often a delivery is tried, and how long is waited in between, in one of DeltaBase's three forms. */
export type RetryPolicy = Schemas['DeltaBaseRetry']

/** How events are delivered; what is left out has its default. */
export type SubscriptionPolicy = Schemas['SubscriptionPolicy']

/** Where a durable subscription begins: at an end, behind a global position, or at a time. */
export type SubscriptionStart = 'earliest' | 'latest' | number | string | Date

/** `group`, or a way of sending that the server has. */
export type SubscriptionKind = 'webhook' | 'group' | 'nats' | 'redis' | 'file' | (string & {})

/** A durable subscription, as the server tells it. */
export interface Subscription extends Omit<Schemas['Subscription'], 'status' | 'kind' | 'config'> {
  status: SubscriptionStatus
  kind: SubscriptionKind
  /** What belongs to the kind. Of headers and secrets it shows that they are there. */
  config?: Record<string, unknown>
}

export interface CreateSubscriptionOptions {
  /** 1 to 64 of letters, digits, ".", "_" and "-". Default: one is made of what it is. A group needs one. */
  name?: string
  kind: SubscriptionKind
  filter?: EventFilter
  /** A condition beside the filter, in the query language: `data.total > 100 AND tags CONTAINS 'vip'`. */
  where?: string
  /** Default `latest`. */
  start?: SubscriptionStart
  /** What belongs to the kind, such as a webhook's `url`. */
  config?: Record<string, unknown>
  /** How events are delivered. */
  policy?: SubscriptionPolicy
}

/** What to change. What is left out stays as it is; what is given takes the whole place of what was. A `where` of `''` is none. */
export type UpdateSubscriptionOptions = Partial<Pick<CreateSubscriptionOptions, 'filter' | 'where' | 'config' | 'policy'>>

/** DeltaBase's form of a durable subscription. */
export interface SubscribeOptions {
  eventFilter: string | readonly string[]
  subscriber: { type: SubscriberType | (string & {}); config: Record<string, unknown> }
  initialPosition?: 'earliest' | 'latest'
  /** The subscription's name. Default: one is made of what it is. */
  id?: string
}

export interface WebhookOptions extends RequestOptions {
  /** A condition beside the filter, in the query language. */
  where?: string
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
  policy?: SubscriptionPolicy
}

export interface ListSubscriptionsOptions extends RequestOptions {
  subscriberType?: SubscriberType | (string & {})
  eventFilter?: string
  limit?: number
  offset?: number
}

export interface ListSubscriptionsResponse extends Omit<Schemas['Subscriptions'], 'subscriptions'> {
  subscriptions: Subscription[]
}

/** The last attempts to deliver, the newest first. */
export type DeliveryLog = Schemas['Attempts']
export type DeliveryAttempt = Schemas['Attempt']
/** Events that could not be delivered. */
export type SubscriptionDeadLetters = Schemas['SubscriptionDeadLetters']
export type SubscriptionDeadLetter = Schemas['SubscriptionDeadLetter']
/** What became of answers. */
export type Answered = Schemas['Answered']

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
  /** Milliseconds before it is given again, an hour at most. Default: as the group's policy says. */
  afterMs?: number
  /** For people: stands with the dead letters. */
  reason?: string
}

export interface Nack extends NackDecision {
  deliveryId: string
}
