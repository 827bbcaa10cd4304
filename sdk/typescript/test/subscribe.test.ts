import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  type EventSubscription, isConnectionError, isEventStoreNotFoundError, isLogRewoundError, isSerializationError, isValidationError,
  NacreClient, type ReadEvent,
} from '@nacredb/client'
import { CuttingProxy } from './support/cutting-proxy.js'
import { nowhere } from './support/nowhere.js'
import { TestServer } from './support/server.js'

let server: TestServer
before(async () => {
  server = await TestServer.start('--heartbeat', '100ms')
})
after(() => server.stop())

const numbered = (n: number) => ({ type: n % 2 ? 'n.odd' : 'n.even', data: n })

async function take(subscription: EventSubscription, count: number): Promise<ReadEvent[]> {
  const events: ReadEvent[] = []
  for await (const event of subscription) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}

describe('subscribe', () => {
  it('gives history, then what is appended', async () => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    await store.appendToStream('s', [0, 1, 2].map(numbered))
    let caughtUp = ''
    const subscription = bus.subscribe('*', { onCaughtUp: cursor => { caughtUp = cursor } })
    const seen: number[] = []
    for await (const event of subscription) {
      seen.push(event.data)
      assert.equal(event.globalPosition, event.data + 1)
      assert.equal(subscription.cursor?.split('@')[0], String(event.globalPosition))
      // Those below are appended once the end was reached, or while the history is still given.
      if (seen.length < 6) await store.appendToStream('s', [numbered(seen.length + 2)])
      else break
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
    assert.match(caughtUp, /^[0-9]+@/)
    assert.deepEqual(await subscription.next(), { done: true, value: undefined })
  })

  it('selects, and begins where it is told', async () => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    await store.appendToStream('s', [0, 1, 2, 3, 4].map(numbered))
    const data = async (subscription: EventSubscription, count: number) => (await take(subscription, count)).map(e => e.data)
    assert.deepEqual(await data(bus.subscribe('n.odd'), 2), [1, 3])
    assert.deepEqual(await data(bus.subscribe(['n.odd', 'n.even'], { after: 3 }), 2), [3, 4])
    assert.deepEqual(await data(bus.subscribe({ items: [{ streams: ['s'] }] }, { start: new Date(0) }), 1), [0])
    assert.deepEqual(await data(bus.subscribe('n.odd', { where: 'data > 1' }), 1), [3])
    await assert.rejects(data(bus.subscribe('*', { where: 'data >' }), 1), isValidationError)
    const first = bus.subscribe()
    await take(first, 2)
    assert.deepEqual(await data(bus.subscribe('*', { after: first.cursor ?? '' }), 1), [2])
    const latest = bus.subscribe('*', { start: 'latest' })
    await latest.ready
    await store.appendToStream('s', [numbered(5)])
    assert.deepEqual(await data(latest, 1), [5])
    assert.throws(() => bus.subscribe('*', { start: 'latest', after: 1 }), isValidationError)
  })

  it('ends by its signal, by close and by break', async () => {
    const store = await server.store()
    const bus = server.client().getEventBus(store.name)
    const end = new AbortController()
    const aborted = take(bus.subscribe('*', { signal: end.signal }), 1)
    const closing = bus.subscribe()
    const closed = take(closing, 1)
    await Promise.all([store.appendToStream('s', [numbered(0)]), aborted, closed])
    const waiting = bus.subscribe('*', { signal: end.signal, after: 1 })
    const waits = take(waiting, 1)
    const other = bus.subscribe('*', { after: 1 })
    const otherWaits = take(other, 1)
    await new Promise(resolve => setTimeout(resolve, 50))
    end.abort()
    await other.close()
    assert.deepEqual([await waits, await otherWaits], [[], []])
    assert.deepEqual(await take(bus.subscribe('*', { signal: AbortSignal.abort() }), 1), [])
    const never = bus.subscribe()
    await never.close()
    assert.deepEqual(await take(never, 1), [])
  })

  it('fails where to try again is of no use', async () => {
    const store = await server.store()
    const client = server.client()
    await assert.rejects(take(client.getEventBus('no-such-store').subscribe(), 1), isEventStoreNotFoundError)
    await assert.rejects(take(client.getEventBus('no-such-store').subscribe('*', { start: 'latest' }), 1), isEventStoreNotFoundError)
    await assert.rejects(take(client.getEventBus(store.name).subscribe('*', { after: '0@01JD3Y8Q0V3M8S2Z6T5N9K4RWE' }), 1), isLogRewoundError)
    const nobody = new NacreClient({ baseUrl: await nowhere(), retryDelayMs: 1 })
    let tried = 0
    await assert.rejects(take(nobody.getEventBus('default').subscribe('*', { retries: 3, onReconnect: () => tried++ }), 1), /nothing listens/)
    assert.equal(tried, 3)
  })

  it('goes on without gap or repeat where connections are cut anywhere', async () => {
    const store = await server.store()
    // Each connection carries a little more than the one before, so that cuts fall everywhere, in the midst of lines too.
    const proxy = await CuttingProxy.start(server.url, n => 300 + 211 * n)
    try {
      const bus = new NacreClient({ baseUrl: proxy.url, retryDelayMs: 1 }).getEventBus(store.name)
      const count = 600
      const received = take(bus.subscribe('n.*'), count)
      for (let n = 0; n < count; n += 4) {
        await store.appendToStream(`s-${n % 3}`, [n, n + 1, n + 2, n + 3].map(numbered))
        await store.appendToStream('other', [{ type: 'other', data: n }])
      }
      assert.deepEqual((await received).map(e => e.data), Array.from({ length: count }, (_, n) => n))
      assert(proxy.cuts >= 10, `${proxy.cuts} cuts`)
    } finally {
      await proxy.stop()
    }
  })

  it('goes on when the server is killed and comes back', async () => {
    const own = await TestServer.start()
    try {
      const store = await own.store()
      const reconnects: unknown[] = []
      const subscription = own.client().getEventBus(store.name).subscribe('*', { onReconnect: error => reconnects.push(error) })
      const received = take(subscription, 40)
      for (let round = 0; round < 4; round++) {
        for (let n = 0; n < 10; n++) await store.appendToStream('s', [numbered(round * 10 + n)])
        await own.kill()
        await own.restart()
      }
      assert.deepEqual((await received).map(e => e.data), Array.from({ length: 40 }, (_, n) => n))
      assert(reconnects.length > 0)
    } finally {
      await own.stop()
    }
  })

  it('connects anew where there is no sign of life, behind what it was given', async () => {
    const store = await server.store()
    await store.appendToStream('s', [0, 1, 2].map(numbered))
    const { epoch } = await store.head()
    // The first connection tells one event and then nothing any more: with its id; or without, so that it comes again.
    for (const id of [`1@${epoch}`, undefined]) {
      const asked: (string | null)[] = []
      const client = server.client({
        fetch: async (input, init) => {
          if (asked.push(new URL(String(input)).searchParams.get('after')) > 1) return fetch(input, init)
          const lines = `${id === undefined ? '' : `id: ${id}\n`}data: {"globalPosition":1,"data":0}\n\n`
          return stuck(lines, init?.signal ?? undefined)
        },
      })
      const subscription = client.getEventBus(store.name).subscribe('*', { idleTimeoutMs: 1_000 })
      assert.deepEqual((await take(subscription, 3)).map(e => e.data), [0, 1, 2])
      // A server that takes longer than that to answer is asked once more.
      assert.deepEqual(asked.slice(0, 2), [null, id ?? null])
    }
  })

  it('waits for ever where it is told to', async () => {
    const store = await server.store()
    const reconnects: unknown[] = []
    const subscription = server.client().getEventBus(store.name).subscribe('*', { idleTimeoutMs: Infinity, onReconnect: error => reconnects.push(error) })
    const first = take(subscription, 1)
    await new Promise(resolve => setTimeout(resolve, 50))
    await store.appendToStream('s', [numbered(0)])
    assert.deepEqual([(await first).map(e => e.data), reconnects], [[0], []])
    assert.throws(() => server.client().getEventBus(store.name).subscribe('*', { idleTimeoutMs: 0 }), isValidationError)
  })

  it('waits for a server that is not there yet, wherever it is to begin', async () => {
    const store = await server.store()
    await store.appendToStream('s', [numbered(0)])
    let down = 20
    const client = server.client({
      retryDelayMs: 0, retries: 0,
      fetch: async (input, init) => {
        if (down-- > 0) throw Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })
        return fetch(input, init)
      },
    })
    let told = 0
    const latest = client.getEventBus(store.name).subscribe('*', { start: 'latest', onReconnect: () => told++ })
    await latest.ready
    assert.equal(told, 20)
    await store.appendToStream('s', [numbered(1)])
    assert.deepEqual((await take(latest, 1)).map(e => e.data), [1])
    down = 5
    const bounded = client.getEventBus(store.name).subscribe('*', { start: 'latest', retries: 2 })
    await assert.rejects(take(bounded, 1), /nothing listens/)
    assert.equal(down, 2)
  })

  it('counts as failed only connections that were short and told nothing', async t => {
    const store = await server.store()
    const client = server.client({
      retryDelayMs: 0,
      fetch: async () => new Response(':\n\n', { headers: { 'Content-Type': 'text/event-stream' } }),
    })
    let now = 0
    let step = 5_000
    t.mock.method(performance, 'now', () => (now += step))
    let reconnects = 0
    const subscription = client.getEventBus(store.name).subscribe('*', {
      retries: 3,
      // A proxy cuts what is quiet, again and again; then the server is broken.
      onReconnect: () => { if (++reconnects === 10) step = 1 },
    })
    await assert.rejects(take(subscription, 1), isConnectionError)
    assert.equal(reconnects, 10 + 3 - 1)
  })

  it('fails where what answers is no server of events', async () => {
    const answers: [string, string][] = [['text/html', '<!doctype html>'], ['text/event-stream', 'data: {"no JSON\n\n']]
    for (const [type, body] of answers) {
      const other = new NacreClient({ fetch: async () => new Response(body, { headers: { 'Content-Type': type } }) })
      await assert.rejects(take(other.getEventBus('default').subscribe(), 1), isSerializationError)
    }
  })

  it('goes on behind a gateway that has no server for a while', async () => {
    const store = await server.store()
    await store.appendToStream('s', [numbered(0)])
    const answers = [new Response('{"error":"Bad Gateway"}', { status: 502 }), new Response('{"error":"no healthy upstream"}', { status: 503 })]
    const client = server.client({ fetch: async (input, init) => answers.shift() ?? fetch(input, init) })
    assert.equal((await take(client.getEventBus(store.name).subscribe(), 1)).length, 1)
  })

  it('lets go of a connection that does not look at its signal', async () => {
    const store = await server.store()
    let cancelled = false
    const deaf = server.client({
      fetch: async () => new Response(new ReadableStream({ cancel: () => { cancelled = true } }), { headers: { 'Content-Type': 'text/event-stream' } }),
    })
    const subscription = deaf.getEventBus(store.name).subscribe()
    const taken = take(subscription, 1)
    await new Promise(resolve => setTimeout(resolve, 5))
    await subscription.close()
    assert.deepEqual([await taken, cancelled], [[], true])
  })
})

// An answer that gives some text and then nothing, until the signal is aborted.
function stuck(text: string, signal: AbortSignal | undefined): Response {
  const body = new ReadableStream({
    start(controller) {
      signal?.addEventListener('abort', () => controller.error(signal.reason))
      controller.enqueue(new TextEncoder().encode(text))
    },
  })
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
}
