/**
 * A client of the Nacre event store, for Node and browsers: streams, subscriptions, consumer groups, entities,
 * webhooks, deciders and projections. See the README.
 */
export { NacreClient, NacreClient as DeltaBase } from './client.js'
export type { ClientOptions } from './http/options.js'

export * from './errors/index.js'

export * from './events/factory.js'
export { categoryOf, matches as matchesFilter, matchesType, toFilter } from './events/filter.js'
export { newEventId } from './events/ids.js'
export type * from './events/types.js'
export * from './events/version.js'

export * from './management/management.js'

export { BaseEventStore, DCB_STREAM, type EventStoreOptions, type StreamPage } from './store/base.js'
export type * from './store/contract.js'
export { InMemoryEventStore } from './store/memory.js'
export { RemoteEventStore } from './store/remote.js'

export { ConsumerGroup, type Answer, type ConsumerGroupOptions, type PollOptions } from './bus/consumer-group.js'
export { EventBus } from './bus/event-bus.js'
export type { Handler, HandlerContext, RunOptions } from './bus/group-runner.js'
export { EventSubscription, type FollowOptions } from './bus/subscription.js'
export * from './bus/types.js'

export { EntityCollection } from './entities/collection.js'
export { EntityStore } from './entities/entity-store.js'
export { LiveList, LiveQuery, type LiveChange, type LiveNotice, type LiveOptions } from './entities/live.js'
export type * from './entities/types.js'

export {
  verifyWebhook, Webhook, type HeadersLike, type VerifiedSignature, type VerifiedWebhook, type WebhookOptions as WebhookVerificationOptions,
  type WebhookPayload,
} from './webhook/webhook.js'

export * from './toolkit/command-handler.js'
export type { Decider } from './toolkit/decider.js'
export type { InlineProjection, Projection, ProjectionSource } from './toolkit/inline.js'
export * from './toolkit/multi-stream.js'
export * from './toolkit/read-model-store.js'
export * from './toolkit/single-stream.js'
