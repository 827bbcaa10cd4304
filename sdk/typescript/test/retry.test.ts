import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  handleCommandWithDeciderAndRetry, isConnectionError, isServiceUnavailableError, isStreamVersionConflictError,
  isTimeoutError, isUnknownOutcomeError, isValidationError, NacreClient,
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

  it('makes an id where none was given, whatever that looked like', async () => {
    const { fetch, sent } = losing(0)
    const store = await server.store({ fetch })
    const events: any[] = [{ type: 't', data: 1, eventId: null }, { type: 't', data: 2, eventId: undefined }]
    assert.equal((await store.appendToStream('s', events)).eventsWritten, 2)
    assert.deepEqual([sent(), (await store.readStream('s')).length], [2, 2])
  })

  it('does not take the word of a gateway for that of the server', async () => {
    const answers: [number, string, number][] = [
      [502, '{"error":"Bad Gateway"}', 2], [503, '{"error":"no healthy upstream"}', 2], [504, '{"error":"upstream request timeout"}', 2],
      [524, '{"error":"a timeout occurred"}', 2], [408, '{"error":"too slow"}', 2], [500, '{"error":"oops"}', 1],
    ]
    for (const [status, body, sent] of answers) {
      let asked = 0
      const store = await server.store({
        retries: 1,
        // It was passed on, and written.
        fetch: async (input, init) => {
          asked++
          await (await fetch(input, init)).text()
          return new Response(body, { status })
        },
      })
      await assert.rejects(store.appendToStream('s', [{ type: 't', data: 1 }]), error => isUnknownOutcomeError(error) && error.status === status, body)
      assert.equal(asked, sent, body)
      assert.equal((await server.client().getEventStore(store.name).readStream('s')).length, 1)
    }
  })

  it('knows that nothing was sent where there was no token for it, or a header that is none', async () => {
    let asked = 0
    const counting: Fetch = async (input, init) => {
      asked++
      return fetch(input, init)
    }
    const event = { type: 't', data: 1 }
    let tries = 0
    const silent = server.client({ fetch: counting, retries: 2, token: async () => { throw new Error(`no token ${++tries}`) } })
    await assert.rejects(silent.getEventStore('default').appendToStream('s', [event]), /^Error: no token 3$/)
    const odd = server.client({ fetch: counting, apiKey: 'db_ключ' }).getEventStore('default')
    await assert.rejects(odd.appendToStream('s', [event]), error => isValidationError(error) && /X-API-Key/.test(error.message) && !/ключ/.test(error.message))
    const waiting = server.client({ fetch: counting, timeoutMs: 20, retries: 0, token: () => new Promise(() => {}) }).getEventStore('default')
    await assert.rejects(waiting.appendToStream('s', [event]), isTimeoutError)
    const end = new AbortController()
    const ended = waiting.appendToStream('s', [event], { signal: end.signal })
    end.abort(new Error('enough'))
    await assert.rejects(ended, /^Error: enough$/)
    assert.equal(asked, 0)
  })

  it('waits for ever where it is told to', async () => {
    for (const timeoutMs of [Infinity, 2 ** 40]) {
      let asked = 0
      const slow: Fetch = async (input, init) => {
        asked++
        await new Promise(resolve => setTimeout(resolve, 50))
        return fetch(input, init)
      }
      assert.equal((await server.client({ fetch: slow, timeoutMs }).getEventStore('default').readStream('none')).length, 0)
      assert.equal(asked, 1)
    }
  })

  it('asks again for a refusal that broke off', async () => {
    let asked = 0
    const store = await server.store({
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        if (asked++ > 0) return response
        const broken = new ReadableStream({ start: controller => controller.error(new TypeError('terminated')) })
        return new Response(broken, { status: response.status })
      },
    })
    await assert.rejects(store.appendToStream('s', [{ type: 't', data: 1 }], { expectedStreamVersion: 5 }), isStreamVersionConflictError)
    assert.equal(asked, 2)
  })

  it('needs one listener of a signal, however many requests that ends', async () => {
    const end = new AbortController()
    let listeners = 0
    const listen = end.signal.addEventListener.bind(end.signal)
    end.signal.addEventListener = (...args: unknown[]) => {
      listeners++
      ;(listen as (...args: unknown[]) => void)(...args)
    }
    const store = await server.store()
    await Promise.all(Array.from({ length: 20 }, () => store.readStream('none', { signal: end.signal })))
    // Of a fetch that does not look at signals, too.
    const deaf = server.client({ fetch: () => new Promise(() => {}) }).getEventStore('default')
    const all = Promise.all(Array.from({ length: 20 }, () => assert.rejects(deaf.readStream('none', { signal: end.signal }), /enough/)))
    end.abort(new Error('enough'))
    await all
    assert.equal(listeners, 1)
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
