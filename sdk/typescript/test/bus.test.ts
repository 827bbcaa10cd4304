import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  isInvalidSubscriptionConfigError, isSubscriptionNotFoundError, isValidationError, isWebhookVerificationError, NacreClient,
  SubscriberType, verifyWebhook,
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
    await bus.subscribeWebhook('user.*', url, { where: 'data.age >= 18' })
    await bus.createConsumerGroup('h', { where: 'data.age >= 18' })
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
      { method: 'POST', path, body: { kind: 'webhook', where: 'data.age >= 18', filter: { items: [{ types: ['user.*'] }] }, config: { url } } },
      { method: 'POST', path, body: { kind: 'group', name: 'h', where: 'data.age >= 18' } },
    ])
  })

  it('for one, all, and what becomes of them', async () => {
    const { bus, asked } = asking()
    await bus.listSubscriptions({ subscriberType: 'webhook', limit: 2 })
    await bus.getSubscription('a.b')
    await bus.updateSubscription('w', { filter: '*' })
    await bus.updateSubscription('w', { where: '' })
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
      ['GET', '?subscriberType=webhook&limit=2', undefined], ['GET', '/a.b', undefined], ['PATCH', '/w', { filter: { items: [] } }], ['PATCH', '/w', { where: '' }],
      ['DELETE', '/w', undefined], ['POST', '/w/pause', undefined], ['POST', '/w/resume', undefined], ['POST', '/w/replay?from=17', undefined],
      ['GET', '/w/deliveries?limit=3', undefined], ['GET', '/w/dead-letters', undefined], ['POST', '/w/dead-letters/retry', {}],
      ['POST', '/w/dead-letters/retry', { ids: ['x'] }], ['POST', '/w/dead-letters/discard', { ids: ['x'] }],
    ])
  })

  it('again only where that makes no second one', async () => {
    for (const [type, sent] of [['webhook', 2], ['file', 1]] as const) {
      let asked = 0
      const client = new NacreClient({
        retries: 1, retryDelayMs: 1,
        fetch: async () => {
          asked++
          throw new TypeError('fetch failed')
        },
      })
      await assert.rejects(client.getEventBus('shop').subscribe({ eventFilter: '*', subscriber: { type, config: {} } }))
      assert.equal(asked, sent)
    }
    const { bus, asked } = asking()
    await assert.rejects(bus.subscribe({ eventFilter: '*', subscriber: { type: 'webhook', config: {} } }, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
    assert.equal(asked.length, 0)
  })

  it('for nothing else where a name would lead elsewhere', async () => {
    const { bus, asked } = asking()
    for (const name of ['', '.', '..', '\ud800', undefined as unknown as string]) {
      await assert.rejects(bus.getSubscription(name), isValidationError)
      await assert.rejects(bus.unsubscribe(name), isValidationError)
      assert.throws(() => bus.getConsumerGroup(name), isValidationError)
    }
    assert.equal(asked.length, 0)
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
      // DeltaBase's other forms.
      for (const retryPolicy of [{ maxAttempts: 3, backoffMinutes: 2 }, { maxRetries: 2, backoffMultiplier: 3 }]) {
        const { subscriptionId, policy } = await bus.subscribeWebhook('other', receiver.url, { retryPolicy })
        assert.equal(policy.retry?.maxAttempts, 3)
        await bus.unsubscribe(subscriptionId)
      }
      assert.equal(again.subscriptionId, first.subscriptionId)
      assert.match(first.secret ?? '', /^whsec_/)
      assert.equal(again.secret, undefined)
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

  it('are signed with a new secret as well, then with it alone', async t => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    if (!(await needsSubscriptions(t, bus))) return
    const receiver = await Receiver.start()
    try {
      const { subscriptionId, secret: first = '' } = await bus.subscribeWebhook('*', receiver.url, { headers: { 'X-Key': 'k' }, initialPosition: 'earliest' })
      const deliver = async (count: number) => {
        await store.appendToStream('user-1', [{ type: 't', data: count }])
        await receiver.count(count)
        const { headers, body } = receiver.received[count - 1] ?? { headers: {}, body: '' }
        assert.equal(headers['x-key'], 'k')
        return (secret: string) => verifyWebhook(body, headers, secret)
      }
      const second = await bus.rotateWebhookSecret(subscriptionId)
      const both = await deliver(1)
      await both(first)
      await both(second)
      const third = await bus.rotateWebhookSecret(subscriptionId, { overlapMs: 60_000 })
      const { config } = await bus.getSubscription(subscriptionId)
      const until = (config?.['secrets'] as { until?: string }[]).map(one => one.until === undefined ? undefined : Date.parse(one.until) - Date.now())
      assert.equal(until[0], undefined)
      assert(until.length === 3 && until.slice(1).every(ms => ms !== undefined && ms > 0 && ms <= 60_000), String(until))
      await (await deliver(2))(third)
      const last = await bus.rotateWebhookSecret(subscriptionId, { overlapMs: 0 })
      const alone = await deliver(3)
      await alone(last)
      for (const old of [first, second, third]) await assert.rejects(alone(old), isWebhookVerificationError)
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
      const { payload, events } = await verifyWebhook(body, headers, secret)
      assert.deepEqual([events.map(event => event.data), payload.event], [[{ n: 1 }], events[0]])
    } finally {
      await receiver.stop()
    }
  })
})
