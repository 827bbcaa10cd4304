import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { InMemoryEventStore, isUnsupportedError, isValidationError } from '@nacredb/client'
import { TestServer } from './support/server.js'
import { storeSuite } from './support/store-suite.js'

let server: TestServer
before(async () => {
  server = await TestServer.start()
})
after(() => server.stop())

storeSuite('a server', () => server.store())
storeSuite('in memory', async () => new InMemoryEventStore())

it('a server: evaluates conditions', async () => {
  const store = await server.store()
  await store.appendToStream('s', [{ type: 'a', data: { n: 1 } }, { type: 'a', data: { n: 2 } }, { type: 'b', data: { n: 3 } }, { type: 'b', data: null }])
  const where = "data.n > 1 AND type IN ('a', 'b')"
  const numbers = (events: readonly { data: unknown }[]) => events.map(event => (event.data as { n: number }).n)
  assert.deepEqual(numbers(await store.queryEvents({ where })), [2, 3])
  assert.deepEqual(numbers(await store.queryEvents({ where, type: 'b' })), [3])
  assert.deepEqual(numbers(await store.readStream('s', { where, types: ['a'] })), [2])
  assert.deepEqual(numbers(await store.readByQuery({ items: [] }, { where, limit: 1 })), [2])
  await assert.rejects(store.queryEvents({ where: 'data.n > 1 LIMIT 3' }), error => {
    assert.ok(isValidationError(error))
    assert.deepEqual([error.details?.['field'], error.details?.['line'], error.details?.['column']], ['where', 1, 12])
    return true
  })
})

it('in memory: refuses conditions', async () => {
  const store = new InMemoryEventStore()
  for (const asked of [store.queryEvents({ where: 'TRUE' }), store.readStream('s', { where: 'TRUE' }), store.readByQuery({ items: [] }, { where: 'TRUE' })]) {
    await assert.rejects(asked, isUnsupportedError)
  }
})

it('in memory: is followed as a server is', async () => {
  const store = new InMemoryEventStore()
  const append = (data: number) => store.appendToStream('s', [{ type: data % 2 ? 'odd' : 'even', data }])
  for (const n of [0, 1, 2]) await append(n)
  const end = new AbortController()
  const seen: number[] = []
  const odd: number[] = []
  const following = (async () => {
    for await (const event of store.subscribe('*', { after: 1, signal: end.signal })) {
      seen.push(event.data)
      if (seen.length < 4) void append(seen.length + 2)
      else setTimeout(() => end.abort(), 1)
    }
  })()
  for await (const event of store.subscribe('odd')) {
    odd.push(event.data)
    if (odd.length === 3) break
  }
  await following
  assert.deepEqual([seen, odd], [[1, 2, 3, 4, 5], [1, 3, 5]])
})

it('in memory: listens once to the signal of whoever follows, however much is appended', async () => {
  const store = new InMemoryEventStore()
  const end = new AbortController()
  let listeners = 0
  const listen = end.signal.addEventListener.bind(end.signal)
  end.signal.addEventListener = (...args: unknown[]) => {
    listeners++
    ;(listen as (...args: unknown[]) => void)(...args)
  }
  let seen = 0
  const following = (async () => { for await (const _ of store.subscribe('*', { signal: end.signal })) seen++ })()
  for (let n = 0; n < 20; n++) {
    await store.appendToStream('s', [{ type: 't', data: n }])
    await new Promise(resolve => setImmediate(resolve))
  }
  end.abort()
  await following
  assert.deepEqual([seen, listeners], [20, 1])
})
