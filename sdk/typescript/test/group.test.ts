import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  type ConsumerGroup, isConnectionError, isNotFoundError, isSubscriptionNotFoundError, isValidationError, NacreClient,
  type NackDecision, type NacreError, type RunOptions,
} from '@nacredb/client'
import { FakeGroup } from './support/fake-group.js'
import { TestServer } from './support/server.js'
import { needsSubscriptions } from './support/subscriptions.js'

function groupOf(fake: FakeGroup, retries = 0): ConsumerGroup {
  const client = new NacreClient({ fetch: fake.fetch, retries, retryDelayMs: 1 })
  return client.getEventBus('default').getConsumerGroup('mailers', { consumer: 'c-1' })
}

/** Streams a, b, c … in turn. */
const inTurn = (count: number, streams: number) => Array.from({ length: count }, (_, n) => String.fromCharCode(97 + (n % streams)))

/** Runs until nothing is left, and gives what was handled, in order. */
async function runOut(
  fake: FakeGroup, options: RunOptions, handler: (n: number, attempt: number) => void | NackDecision | Promise<void | NackDecision> = () => {}, retries = 0,
): Promise<number[]> {
  const handled: number[] = []
  const end = new AbortController()
  const watch = setInterval(() => { if (fake.open === 0) end.abort() }, 2)
  try {
    await groupOf(fake, retries).run(async (event, { attempt }) => {
      handled.push(event.data)
      return handler(event.data, attempt)
    }, { waitMs: 50, signal: end.signal, ...options })
  } finally {
    clearInterval(watch)
  }
  return handled
}

const all = (count: number) => Array.from({ length: count }, (_, n) => n)
const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b)

describe('a consumer of a group', () => {
  it('polls and acknowledges as the contract says', async () => {
    const fake = new FakeGroup(['a', 'b'])
    const group = groupOf(fake)
    const deliveries = await group.poll({ max: 5, waitMs: 0 })
    assert.deepEqual(deliveries.map(d => [d.attempt, d.event.data]), [[1, 0], [1, 1]])
    const [first, second] = deliveries.map(d => d.deliveryId)
    await group.ack(first ?? '')
    assert.deepEqual(await group.ack({ nack: [{ deliveryId: second ?? '', action: 'park', afterMs: 0 }] }), { done: 1, unknown: [] })
    assert.deepEqual(await group.ack([first ?? '']), { done: 0, unknown: [first] })
    const path = '/event-stores/default/subscriptions/mailers'
    assert.deepEqual(fake.requests[0], { path: `${path}/poll`, body: { consumer: 'c-1', max: 5, waitMs: 0 } })
    assert.deepEqual(fake.requests[1], { path: `${path}/ack`, body: { consumer: 'c-1', ack: [first], nack: [] } })
    await group.leave()
    assert.deepEqual(fake.requests.at(-1), { path: `${path}/leave`, body: { consumer: 'c-1' } })
    assert.throws(() => new NacreClient().getEventBus('default').getConsumerGroup('g', { consumer: 'a b' }), isValidationError)
    assert.match(new NacreClient().getEventBus('default').getConsumerGroup('g').consumer, /^consumer-[0-9A-Z]{26}$/)
  })

  it('handles everything once, with as many at once as it may', async () => {
    const fake = new FakeGroup(inTurn(100, 10))
    let now = 0
    let most = 0
    const handled = await runOut(fake, { concurrency: 4 }, async () => {
      most = Math.max(most, ++now)
      await new Promise(resolve => setTimeout(resolve, 1))
      now--
    })
    assert.deepEqual(sorted(handled), all(100))
    assert.deepEqual(sorted(fake.acked), all(100))
    assert.equal(most, 4)
    const asked = fake.requests.filter(({ path }) => path.endsWith('/poll')).map(({ body }) => body.max)
    assert.equal(asked[0], 4, 'more is asked for only when it is known how fast it is')
    assert(asked.every(max => max <= 64))
    assert.deepEqual(fake.leavers, ['c-1'])
  })

  it('holds no more than it can soon work off', async () => {
    const fake = new FakeGroup(inTurn(8, 8))
    let most = 0
    const end = new AbortController()
    await groupOf(fake).run(async () => {
      most = Math.max(most, fake.held.length)
      await new Promise(resolve => setTimeout(resolve, 110))
      if (fake.open <= 4) end.abort()
    }, { concurrency: 2, waitMs: 50, signal: end.signal })
    // Where handlers are slow nothing waits for them: its deadline would run meanwhile.
    assert.equal(most, 2)
  })

  it('takes for a decision only what is one', async () => {
    const fake = new FakeGroup(inTurn(6, 6))
    const returned: unknown[] = [
      { id: 7, action: 'inserted' }, 'park', [1], null, { action: 'park', afterMs: -1, rows: 3, reason: 'bad' }, { action: 'skip', afterMs: 0.5 }]
    await runOut(fake, {}, n => returned[n] as NackDecision)
    assert.deepEqual(sorted(fake.acked), [0, 1, 2, 3])
    assert.deepEqual(fake.nacked.map(one => one.nack).map(({ deliveryId: _, ...rest }) => rest), [
      { action: 'park', reason: 'bad' }, { action: 'skip', afterMs: 1 }])
  })

  it('tells why something failed', async () => {
    const fake = new FakeGroup(inTurn(3, 3))
    await runOut(fake, { onError: error => ({ action: error instanceof TypeError ? 'skip' : 'park' }) }, n => {
      if (n === 0) throw new TypeError('no address')
      if (n === 1) throw new Error('ü'.repeat(5000))
      throw Object.create(null)
    })
    const reasons = fake.nacked.map(one => one.nack.reason ?? '')
    assert.equal(reasons[0], 'TypeError: no address')
    assert(new TextEncoder().encode(reasons[1]).length <= 1000 && /^Error: ü+…$/.test(reasons[1] ?? ''))
    assert.equal(reasons[2], 'the handler failed')
  })

  it('has what came behind a failure come again untried', async () => {
    const fake = new FakeGroup(['a', 'a', 'a'], 3)
    const seen: string[] = []
    await runOut(fake, { max: 10 }, (n, attempt) => {
      seen.push(`${n}#${attempt}`)
      return n === 0 && attempt === 1 ? { action: 'retry', afterMs: 1 } : undefined
    })
    assert.deepEqual(seen, ['0#1', '0#2', '1#1', '2#1'])
  })

  it('keeps the order of the log for groups whose order that is', async () => {
    const fake = new FakeGroup(['a', 'a', 'b', 'a', 'b'], 5)
    const seen: number[] = []
    await runOut(fake, { global: true, concurrency: 4, max: 10 }, async n => {
      await new Promise(resolve => setTimeout(resolve, 5 - n))
      seen.push(n)
    })
    assert.deepEqual(seen, all(5))
  })

  it('handles no event twice at the same time where its deadline is over', async () => {
    const fake = new FakeGroup(['a', 'b'])
    let now = 0
    let most = 0
    await runOut(fake, { concurrency: 4, max: 4 }, async (n, attempt) => {
      if (n !== 0) return
      most = Math.max(most, ++now)
      if (attempt === 1) {
        fake.expire()
        await new Promise(resolve => setTimeout(resolve, 30))
      }
      now--
    })
    assert.equal(most, 1)
    assert.deepEqual(sorted(fake.acked), [0, 1])
    assert(fake.requests.length < 20)
  })

  it('waits while the group is paused', async () => {
    const fake = new FakeGroup(inTurn(3, 3))
    let paused = 3
    fake.failing = path => path.endsWith('/poll') && paused-- > 0
      ? new Response(JSON.stringify({ error: 'SUBSCRIPTION_HALTED', message: 'paused' }), { status: 409 }) : undefined
    const told: unknown[] = []
    await runOut(fake, { onRetry: error => told.push((error as NacreError).errorType) })
    assert.deepEqual(told, Array(3).fill('SUBSCRIPTION_HALTED'))
    assert.deepEqual(sorted(fake.acked), all(3))
  })

  it('keeps the order of each stream, also where several of one are held', async () => {
    const fake = new FakeGroup(inTurn(60, 3), 5)
    const failed = new Set<number>()
    const handled = await runOut(fake, { concurrency: 3, max: 30, onError: () => ({ action: 'retry', afterMs: 0 }) }, async n => {
      await new Promise(resolve => setTimeout(resolve, n % 3))
      if (n % 7 === 0 && !failed.has(n)) {
        failed.add(n)
        throw new Error('not yet')
      }
    })
    for (const stream of [0, 1, 2]) {
      const done = handled.filter(n => n % 3 === stream).filter((n, i, list) => list.indexOf(n, i + 1) < 0)
      assert.deepEqual(done, sorted(done))
    }
    assert.deepEqual(sorted(fake.acked), all(60))
    assert.equal(failed.size, 9)
  })

  it('tries again later what fails, and obeys decisions', async () => {
    const fake = new FakeGroup(inTurn(4, 4))
    await runOut(fake, {}, (n, attempt) => {
      if (n === 0 && attempt < 3) throw new Error('not yet')
      if (n === 1) return { action: 'park' }
      if (n === 2) return { action: 'skip' }
      return undefined
    })
    assert.deepEqual(fake.nacked.filter(one => one.n === 0).map(one => [one.nack.action, one.nack.afterMs]), [['retry', 1000], ['retry', 2000]])
    assert.deepEqual(fake.nacked.filter(one => one.n > 0).map(one => one.nack.action).sort(), ['park', 'skip'])
    assert.deepEqual(sorted(fake.acked), [0, 3])
  })

  it('drains: finishes what was begun, and gives back what was not', async () => {
    const fake = new FakeGroup(inTurn(10, 10))
    const end = new AbortController()
    const begun: number[] = []
    await groupOf(fake).run(async (event, { signal }) => {
      begun.push(event.data)
      if (begun.length === 2) end.abort()
      await new Promise(resolve => setTimeout(resolve, 20))
      signal.throwIfAborted()
    }, { concurrency: 2, max: 6, waitMs: 50, signal: end.signal })
    assert.deepEqual(begun, [0, 1])
    assert.deepEqual(sorted(fake.acked), [0, 1])
    // What was not begun has not been tried: it is not refused, which would count, up to the dead letters.
    assert.deepEqual([fake.nacked, fake.held, fake.leavers], [[], [], ['c-1']])
    assert.deepEqual((await groupOf(fake).poll({ max: 9, waitMs: 0 })).map(one => one.attempt), Array(8).fill(1))
    assert.deepEqual(await groupOf(fake).run(() => assert.fail('nothing is begun'), { signal: AbortSignal.abort() }), undefined)
  })

  it('cuts handlers off that are still at it when the drain is over', async () => {
    const fake = new FakeGroup(inTurn(2, 2))
    const end = new AbortController()
    await groupOf(fake).run(async (event, { signal }) => {
      end.abort()
      if (event.data === 0) await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }, { concurrency: 2, waitMs: 50, drainMs: 10, signal: end.signal })
    assert.deepEqual([fake.nacked, fake.held, fake.leavers], [[], [], ['c-1']])
    assert(!fake.acked.includes(0))
  })

  it('ends at once where it waits for events', async () => {
    const fake = new FakeGroup([])
    const end = new AbortController()
    const run = groupOf(fake).run(() => {}, { waitMs: 60_000, signal: end.signal })
    setTimeout(() => end.abort(), 10)
    await run
    assert.deepEqual(fake.requests.map(one => one.path.split('/').pop()), ['poll', 'leave'])
  })

  it('goes on where requests fail, and loses nothing', async () => {
    const fake = new FakeGroup(inTurn(40, 5))
    // Of what is lost on the way to the consumer, the deadline takes back.
    const deadline = setInterval(() => fake.expire(), 40)
    fake.failing = (path, number) => {
      if (number % 4 === 1) return new Response(JSON.stringify({ error: 'SHUTTING_DOWN', message: 'stops' }), { status: 503 })
      return number % 5 === 2 && path.endsWith('/ack') ? 'lost' : undefined
    }
    try {
      const handled = await runOut(fake, { concurrency: 3 }, () => {}, 6)
      assert.deepEqual([...new Set(sorted(handled))], all(40))
      assert.deepEqual(sorted(fake.acked), all(40))
    } finally {
      clearInterval(deadline)
    }
  })

  it('fails where to go on is of no use, and still drains', async () => {
    const gone = new FakeGroup(inTurn(3, 3))
    gone.failing = (path, number) => number > 1 && path.endsWith('/poll') ? new Response(JSON.stringify({ error: 'NOT_FOUND', message: 'gone' }), { status: 404 }) : undefined
    await assert.rejects(groupOf(gone).run(() => {}, { max: 1, waitMs: 1 }), isSubscriptionNotFoundError)
    const mute = new FakeGroup(inTurn(1, 1))
    mute.failing = path => path.endsWith('/ack') ? new Response('{"error":"FORBIDDEN","message":"no"}', { status: 403 }) : undefined
    await assert.rejects(groupOf(mute).run(() => {}, { waitMs: 1 }), { name: 'AuthorizationError' })
    await assert.rejects(groupOf(new FakeGroup(['a'])).run(() => { throw new Error('handler') }, { onError: error => { throw error }, waitMs: 1 }), /handler/)
    const end = new AbortController()
    const cut = new FakeGroup(['a'])
    cut.failing = path => path.endsWith('/ack') ? 'lost' : undefined
    await assert.rejects(groupOf(cut).run(() => end.abort(), { signal: end.signal }), isConnectionError)
    const crashed = new FakeGroup(['a'])
    crashed.failing = path => path.endsWith('/ack') ? 'lost' : undefined
    await assert.rejects(groupOf(crashed).run(() => {}, { waitMs: 1, onRetry: () => { throw new Error('of the program') } }), /of the program/)
    for (const options of [{ concurrency: 0 }, { concurrency: 1.5 }, { concurrency: 4, max: 3 }]) {
      await assert.rejects(groupOf(cut).run(() => {}, options), isValidationError)
    }
  })
})

describe('a consumer group of a server', () => {
  let server: TestServer
  before(async () => {
    server = await TestServer.start()
  })
  after(() => server.stop())

  it('gives each event to one of its consumers, in the order of each stream', async t => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    if (!(await needsSubscriptions(t, bus))) return
    const count = 200
    await bus.createConsumerGroup('workers', { filter: 'n', start: 'earliest' })
    const end = new AbortController()
    const seen: { streamId: string; data: number }[] = []
    const failed = new Set<number>()
    const runs = ['one', 'two', 'three'].map(consumer =>
      bus.getConsumerGroup('workers', { consumer }).run(async event => {
        if (event.data % 50 === 0 && !failed.has(event.data)) {
          failed.add(event.data)
          throw new Error('not yet')
        }
        seen.push({ streamId: event.streamId, data: event.data })
        if (seen.length === count) end.abort()
      }, { concurrency: 4, signal: end.signal, onError: () => ({ action: 'retry', afterMs: 1 }) }))
    for (let n = 0; n < count; n++) await store.appendToStream(`s-${n % 7}`, [{ type: 'n', data: n }])
    await Promise.all(runs)
    assert.deepEqual(sorted(seen.map(one => one.data)), all(count))
    for (let stream = 0; stream < 7; stream++) {
      const list = seen.filter(one => one.streamId === `s-${stream}`).map(one => one.data)
      assert.deepEqual(list, sorted(list))
    }
    const told = await bus.getSubscription('workers')
    assert.deepEqual([told.kind, told.status], ['group', 'ACTIVE'])
    await bus.unsubscribe('workers')
    await assert.rejects(bus.getSubscription('workers'), isNotFoundError)
  })

  it('goes on when it is paused and resumed, and knows who is there', async t => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    if (!(await needsSubscriptions(t, bus))) return
    await bus.createConsumerGroup('workers', { start: 'earliest' })
    // A program may make it each time that it starts.
    assert.equal((await bus.createConsumerGroup('workers', { start: 'earliest' })).name, 'workers')
    const end = new AbortController()
    const seen: number[] = []
    const halts: unknown[] = []
    const run = bus.getConsumerGroup('workers', { consumer: 'one' }).run(event => { seen.push(event.data) }, {
      signal: end.signal, waitMs: 200, onRetry: error => halts.push(error),
    })
    const until = async (done: () => boolean) => { while (!done()) await new Promise(resolve => setTimeout(resolve, 5)) }
    await store.appendToStream('s', [{ type: 'n', data: 0 }])
    await until(() => seen.length === 1)
    assert.deepEqual((await bus.getSubscription('workers')).consumers, ['one'])
    await bus.pauseSubscription('workers')
    await store.appendToStream('s', [{ type: 'n', data: 1 }])
    await until(() => halts.length >= 2)
    assert.deepEqual(seen, [0])
    await bus.resumeSubscription('workers')
    await until(() => seen.length === 2)
    end.abort()
    await run
    assert.deepEqual((await bus.getSubscription('workers')).consumers ?? [], [])
  })

  it('gives no event up that was not tried', async t => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    if (!(await needsSubscriptions(t, bus))) return
    await bus.createConsumerGroup('workers', { start: 'earliest', policy: { batch: 5, retry: { maxAttempts: 1 } } })
    for (let n = 0; n < 5; n++) await store.appendToStream('s', [{ type: 'n', data: n }])
    for (let n = 5; n < 10; n++) await store.appendToStream(`t-${n}`, [{ type: 'n', data: n }])
    const seen: number[] = []
    // Consumers come and go, each with much in hand.
    while (seen.length < 10) {
      const end = new AbortController()
      await bus.getConsumerGroup('workers').run(event => {
        seen.push(event.data)
        end.abort()
        if (event.data === 1) throw new Error('never')
      }, { max: 10, waitMs: 1000, signal: end.signal })
    }
    assert.deepEqual(sorted(seen), all(10))
    assert.deepEqual((await bus.listDeadLetters('workers')).deadLetters.map(one => [one.position, /never/.test(one.message)]), [[2, true]])
  })
})
