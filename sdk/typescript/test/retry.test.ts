import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  handleCommandWithDeciderAndRetry, isConnectionError, isServiceUnavailableError, isStreamVersionConflictError,
  isTimeoutError, isUnknownOutcomeError, NacreClient,
} from '@nacredb/client'
import { CuttingProxy } from './support/cutting-proxy.js'
import { nowhere } from './support/nowhere.js'
import { TestServer } from './support/server.js'

let server: TestServer
before(async () => {
  server = await TestServer.start()
})
after(() => server.stop())

type Fetch = typeof fetch

/** What is sent, and whose answers with these numbers are lost behind the server. */
function losing(...lost: number[]): { fetch: Fetch; sent: () => number } {
  let sent = 0
  return {
    sent: () => sent,
    fetch: async (input, init) => {
      const number = sent++
      const response = await fetch(input, init)
      if (!lost.includes(number)) return response
      await response.text()
      throw new TypeError('fetch failed')
    },
  }
}

const answering = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers })

describe('what is repeated', () => {
  it('writes once where answers are lost', async () => {
    const { fetch, sent } = losing(0, 1, 2)
    const store = await server.store({ fetch })
    const result = await store.appendToStream('s', [{ type: 't', data: 1 }, { type: 't', data: 2 }], { expectedStreamVersion: 'no_stream' })
    assert.equal(sent(), 4)
    assert.deepEqual([result.duplicate, result.createdNewStream, result.nextExpectedStreamVersion], [undefined, true, 1])
    assert.deepEqual((await store.readStream('s')).map(e => e.data), [1, 2])
  })

  it('tells duplicates of the caller from its own repeats', async () => {
    const store = await server.store({ fetch: losing(1).fetch })
    const event = { type: 't', data: 1, eventId: 'mine' }
    assert.equal((await store.appendToStream('s', [event])).duplicate, undefined)
    // The first answer of this one is lost; the events were there before it all the same.
    assert.equal((await store.appendToStream('s', [event])).duplicate, true)
    const fresh = await server.store({ fetch: losing(0).fetch })
    assert.equal((await fresh.appendToStream('s', [event])).duplicate, undefined)
  })

  it('repeats under an idempotency key, which makes the ids', async () => {
    const { fetch, sent } = losing(0)
    const store = await server.store({ fetch })
    const result = await store.appendToStream('s', [{ type: 't', data: 1 }], { idempotencyKey: 'k' })
    assert.deepEqual([sent(), result.duplicate, (await store.readStream('s')).length], [2, undefined, 1])
  })

  it('says where it is not known, with what to send again', async () => {
    const { fetch } = losing(0, 1, 2)
    const store = await server.store({ fetch, retries: 2 })
    let told: unknown
    await assert.rejects(store.appendToStream('s', [{ type: 't', data: 1 }]), error => {
      told = error
      return isUnknownOutcomeError(error) && error.attempts === 3 && isConnectionError(error.cause) && /sent 3 times/.test(error.message)
    })
    assert(isUnknownOutcomeError(told))
    const [append] = told.appends
    const again = await store.appendToStream('s', append?.events as { type: string; data: number }[])
    assert.equal(again.events[0]?.data, 1)
    assert.equal((await store.readStream('s')).length, 1)
  })

  it('gives a conflict for what it is, also behind a lost answer', async () => {
    const store = await server.store({ fetch: losing(1).fetch })
    await store.appendToStream('s', [{ type: 't', data: 1 }])
    await assert.rejects(store.appendToStream('s', [{ type: 't', data: 2 }], { expectedStreamVersion: 'no_stream' }), isStreamVersionConflictError)
  })

  it('is not repeated where it would be done twice', async () => {
    const { fetch, sent } = losing(0)
    await assert.rejects(server.client({ fetch }).getManagement().createEventStore({ name: 'once' }), isConnectionError)
    assert.equal(sent(), 1)
    assert.equal((await server.client().getManagement().getEventStore('once')).name, 'once')
  })

  it('passes once what is busy is not busy any more', async () => {
    const answers = [
      answering(503, { error: 'SHUTTING_DOWN', message: 'stops' }), answering(429, { error: 'RATE_LIMITED', message: 'slowly' }, { 'Retry-After': '0' }),
      answering(503, { error: 'STORE_CLOSED', message: 'closed' }), new Response('<html>', { status: 502 }),
    ]
    const store = await server.store({ fetch: async (input, init) => answers.shift() ?? fetch(input, init) })
    assert.equal((await store.appendToStream('s', [{ type: 't', data: 1 }])).globalPosition, 1)
    assert.equal(answers.length, 0)
  })

  it('waits as long as it is asked to, unless that is too long', async () => {
    let asked = 0
    const busy: Fetch = async () => {
      asked++
      return answering(429, { error: 'RATE_LIMITED', message: 'slowly', details: { retryAfter: 3600 } }, { 'Retry-After': '3600' })
    }
    await assert.rejects(server.client({ fetch: busy }).getEventStore('default').readStream('s'), { name: 'RateLimitError', retryAfter: 3600, status: 429 })
    assert.equal(asked, 1)
  })

  it('ends with the last error, or with the signal', async () => {
    let asked = 0
    const down: Fetch = async () => {
      asked++
      return answering(503, { error: 'SHUTTING_DOWN', message: 'stops' })
    }
    const store = server.client({ fetch: down, retries: 2 }).getEventStore('default')
    await assert.rejects(store.readStream('s'), isServiceUnavailableError)
    assert.equal(asked, 3)
    // Nothing was done, so the outcome is known.
    await assert.rejects(store.appendToStream('s', [{ type: 't', data: 1 }]), isServiceUnavailableError)
    const end = new AbortController()
    const slow = server.client({ fetch: down, retryDelayMs: 60_000 }).getEventStore('default').readStream('s', { signal: end.signal })
    end.abort(new Error('enough'))
    await assert.rejects(slow, /enough/)
  })

  it('takes no answer in time for an unknown outcome', async () => {
    const silent: Fetch = (_input, init) => new Promise((_resolve, reject) => {
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
    })
    const client = server.client({ fetch: silent, timeoutMs: 20, retries: 1 })
    await assert.rejects(client.getEventStore('default').readStream('s'), isTimeoutError)
    await assert.rejects(client.getEventStore('default').appendToStream('s', [{ type: 't', data: 1 }]), error =>
      isUnknownOutcomeError(error) && isTimeoutError(error.cause) && error.attempts === 2)
    const end = new AbortController()
    const append = server.client({ fetch: silent }).getEventStore('default').appendToStream('s', [{ type: 't', data: 1 }], { signal: end.signal })
    setTimeout(() => end.abort(new Error('enough')), 10)
    await assert.rejects(append, error => isUnknownOutcomeError(error) && (error.cause as Error).message === 'enough')
  })

  it('says that nothing listens', async () => {
    const nobody = new NacreClient({ baseUrl: await nowhere(), retries: 1, retryDelayMs: 1 })
    await assert.rejects(nobody.getEventStore('default').appendToStream('s', [{ type: 't', data: 1 }]), error =>
      isConnectionError(error) && error.status === 0 && /nothing listens at http:\/\/127.0.0.1:/.test(error.message))
  })

  it('appends once through connections that are cut anywhere', async () => {
    const direct = await server.store()
    const proxy = await CuttingProxy.start(server.url, n => 100 + 97 * (n % 40))
    try {
      const store = new NacreClient({ baseUrl: proxy.url, retryDelayMs: 1, retries: 50 }).getEventStore(direct.name)
      const count = 60
      await Promise.all([0, 1, 2].map(async stream => {
        for (let n = 0; n < count; n++) {
          const result = await store.appendToStream(`s-${stream}`, [{ type: 't', data: n }], { expectedStreamVersion: n - 1 })
          assert.equal(result.nextExpectedStreamVersion, n)
          assert.equal(result.duplicate, undefined)
        }
      }))
      for (const stream of [0, 1, 2]) {
        assert.deepEqual((await direct.readStream(`s-${stream}`)).map(e => e.data), Array.from({ length: count }, (_, n) => n))
      }
      assert(proxy.cuts >= 10, `${proxy.cuts} cuts`)
    } finally {
      await proxy.stop()
    }
  })

  it('counts every command once, where many decide at the same time and answers are lost', async () => {
    const direct = await server.store()
    let sent = 0
    const flaky: Fetch = async (input, init) => {
      const number = sent++
      const response = await fetch(input, init)
      if (number % 5 !== 0) return response
      await response.text()
      throw new TypeError('fetch failed')
    }
    const store = server.client({ fetch: flaky }).getEventStore(direct.name)
    const decider = {
      decide: (state: number, command: { type: 'add'; data: number }) => ({ type: 'added' as const, data: { by: command.data, to: state + command.data } }),
      evolve: (state: number, event: { type: 'added'; data: { by: number; to: number } }) => state + event.data.by,
      initialState: () => 0,
    }
    const results = await Promise.all(Array.from({ length: 12 }, () =>
      handleCommandWithDeciderAndRetry(store, 'counter', { type: 'add', data: 1 }, decider, { retry: { maxAttempts: 100, delayMs: 2 } })))
    const events = await direct.readStream('counter')
    assert.deepEqual(events.map(e => e.data.to), Array.from({ length: 12 }, (_, n) => n + 1))
    assert.deepEqual(results.map(r => r.newState).sort((a, b) => a - b), Array.from({ length: 12 }, (_, n) => n + 1))
    assert(results.some(r => r.attempts > 1))
  })
})
