import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  isInvalidSubscriptionConfigError, isSubscriptionNotFoundError, isValidationError, NacreClient, SubscriberType, verifyWebhook,
} from '@nacredb/client'
import { Receiver } from './support/receiver.js'
import { TestServer } from './support/server.js'
import { needsSubscriptions } from './support/subscriptions.js'

/** A bus, and what it asks for. */
function asking(reply: unknown = {}, status = 200) {
  const asked: { method: string; path: string; body: any }[] = []
  const client = new NacreClient({
    retries: 0,
    fetch: async (input, init) => {
      const { pathname, search } = new URL(String(input))
      asked.push({ method: init?.method ?? '', path: pathname + search, body: init?.body === undefined ? undefined : JSON.parse(String(init.body)) })
      return new Response(JSON.stringify(reply), { status })
    },
  })
  return { bus: client.getEventBus('shop'), asked }
}

const url = 'https://example.com/webhook'

describe('durable subscriptions ask', () => {
  it("in DeltaBase's form for what that can say", async () => {
    const { bus, asked } = asking({ subscriptionId: 'w', status: 'ACTIVE' })
    const subscription = await bus.subscribeWebhook('user.*', url)
    assert.equal(subscription.subscriptionId, 'w')
    await bus.subscribeWebhook('*', url, { headers: { A: 'b' }, timeoutMs: 5, retryPolicy: { maxAttempts: 3, strategy: 'linear' }, initialPosition: 'earliest' })
    const form = { eventFilter: 'user.*', subscriber: { type: SubscriberType.Webhook, config: { url } } }
    await bus.subscribe(form)
    const path = '/event-stores/shop/subscribe'
    assert.deepEqual(asked, [
      { method: 'POST', path, body: form },
      {
        method: 'POST', path, body: {
          eventFilter: '*', initialPosition: 'earliest',
          subscriber: { type: 'webhook', config: { url, headers: { A: 'b' }, timeoutMs: 5, retryPolicy: { maxAttempts: 3, strategy: 'linear' } } },
        },
      },
      { method: 'POST', path, body: form },
    ])
  })

  it('in the form of this project for the rest', async () => {
    const { bus, asked } = asking({ subscriptionId: 'w', status: 'ACTIVE' })
    await bus.subscribeWebhook({ items: [{ tags: ['vip'] }] }, url, { timeoutMs: 5 })
    await bus.subscribeWebhook('user.*', url, { name: 'w', start: new Date(0), retryPolicy: { maxAttempts: 2 }, config: { batch: 2 } })
    await bus.createConsumerGroup('g', { filter: ['a', 'b'], start: 7 })
    const path = '/event-stores/shop/subscriptions'
    assert.deepEqual(asked, [
      { method: 'POST', path, body: { kind: 'webhook', filter: { items: [{ tags: ['vip'] }] }, config: { url, timeoutMs: 5 } } },
      {
        method: 'POST', path, body: {
          kind: 'webhook', name: 'w', start: '1970-01-01T00:00:00.000Z', filter: { items: [{ types: ['user.*'] }] },
          config: { url, batch: 2 }, policy: { retry: { maxAttempts: 2 } },
        },
      },
      { method: 'POST', path, body: { kind: 'group', name: 'g', start: 7, filter: { items: [{ types: ['a', 'b'] }] } } },
    ])
  })

  it('for one, all, and what becomes of them', async () => {
    const { bus, asked } = asking()
    await bus.listSubscriptions({ subscriberType: 'webhook', limit: 2 })
    await bus.getSubscription('a.b')
    await bus.updateSubscription('w', { filter: '*' })
    await bus.unsubscribe('w')
    await bus.pauseSubscription('w')
    await bus.resumeSubscription('w')
    await bus.replaySubscription('w', 17)
    await bus.listDeliveries('w', { limit: 3 })
    await bus.listDeadLetters('w')
    await bus.retryDeadLetters('w')
    await bus.retryDeadLetters('w', ['x'])
    await bus.discardDeadLetters('w', ['x'])
    const root = '/event-stores/shop/subscriptions'
    assert.deepEqual(asked.map(({ method, path, body }) => [method, path.replace(root, ''), body]), [
      ['GET', '?subscriberType=webhook&limit=2', undefined], ['GET', '/a.b', undefined], ['PATCH', '/w', { filter: { items: [] } }],
      ['DELETE', '/w', undefined], ['POST', '/w/pause', undefined], ['POST', '/w/resume', undefined], ['POST', '/w/replay?from=17', undefined],
      ['GET', '/w/deliveries?limit=3', undefined], ['GET', '/w/dead-letters', undefined], ['POST', '/w/dead-letters/retry', {}],
      ['POST', '/w/dead-letters/retry', { ids: ['x'] }], ['POST', '/w/dead-letters/discard', { ids: ['x'] }],
    ])
  })

  it('and are told what is wrong', async () => {
    const wrong = asking({ error: 'INVALID_ARGUMENT', message: 'is no URL', details: { field: 'config.url' } }, 400)
    await assert.rejects(wrong.bus.subscribeWebhook('*', 'nowhere'), error =>
      isInvalidSubscriptionConfigError(error) && isValidationError(error) && error.validationErrors['config.url']?.[0] === 'is no URL')
    await assert.rejects(asking({ error: 'NOT_FOUND', message: 'none' }, 404).bus.getSubscription('w'), isSubscriptionNotFoundError)
  })
})

describe('webhooks of a server', () => {
  let server: TestServer
  before(async () => {
    server = await TestServer.startWithWebhooks()
  })
  after(() => server.stop())

  it('are delivered until they are received, and looked after', async t => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    if (!(await needsSubscriptions(t, bus))) return
    const receiver = await Receiver.start(number => (number === 0 ? 500 : 200))
    try {
      const options = { retryPolicy: { maxAttempts: 5, strategy: 'fixed', initialDelayMs: 10 }, initialPosition: 'earliest' } as const
      const first = await bus.subscribeWebhook('user.*', receiver.url, options)
      const again = await bus.subscribeWebhook('user.*', receiver.url, options)
      assert.equal(again.subscriptionId, first.subscriptionId)
      assert.equal(again.isExistingSubscription, true)
      await store.appendToStream('user-1', [{ type: 'user.registered', data: { n: 1 } }, { type: 'user.left', data: { n: 2 } }])
      await receiver.count(3)
      const [failed, repeated, next] = receiver.received
      assert.equal(failed?.body, repeated?.body)
      assert.equal(failed?.headers['webhook-id'], repeated?.headers['webhook-id'])
      const payload = JSON.parse(next?.body ?? '')
      assert.deepEqual([payload.event.data, payload.eventStoreName, payload.subscriptionId], [{ n: 2 }, store.name, first.subscriptionId])
      const { subscriptions, totalCount } = await bus.listSubscriptions()
      assert.deepEqual([subscriptions.map(one => one.subscriptionId), totalCount], [[first.subscriptionId], 1])
      assert.equal((await bus.pauseSubscription(first.subscriptionId)).status, 'PAUSED')
      assert.equal((await bus.resumeSubscription(first.subscriptionId)).status, 'ACTIVE')
      await bus.unsubscribe(first.subscriptionId)
      await assert.rejects(bus.getSubscription(first.subscriptionId), isSubscriptionNotFoundError)
    } finally {
      await receiver.stop()
    }
  })

  it('are signed, so that a receiver can verify them', async t => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    if (!(await needsSubscriptions(t, bus))) return
    const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
    const receiver = await Receiver.start()
    try {
      await bus.subscribeWebhook('*', receiver.url, { start: 'earliest', config: { secrets: [secret] } })
      await store.appendToStream('user-1', [{ type: 'user.registered', data: { n: 1 } }])
      await receiver.count(1)
      const { headers, body } = receiver.received[0] ?? { headers: {}, body: '' }
      const { payload } = await verifyWebhook(body, headers, secret)
      assert.deepEqual(payload.event.data, { n: 1 })
    } finally {
      await receiver.stop()
    }
  })
})
