import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isValidationError, LiveList, type LiveNotice, NacreClient } from '@nacredb/client'
import { TestServer } from './support/server.js'

interface Note {
  owner: string
  rank: number
}

let server: TestServer
before(async () => {
  server = await TestServer.start()
})
after(() => server.stop())

async function notes(client: NacreClient = server.client()) {
  const { name } = await server.store()
  const entities = client.getEntities(name)
  await entities.declare('notes', {
    properties: { owner: { kind: 'register', type: 'text' }, rank: { kind: 'register', type: 'int64' } },
  } as Parameters<typeof entities.declare>[1])
  return { entities, notes: entities.collection<Note>('notes') }
}

const kinds = (notice: LiveNotice<Note> | void) =>
  notice?.changes?.map(({ kind, id, index }) => `${kind} ${id} ${index}`).join(', ')

describe('live queries', () => {
  it('tell what becomes of a result', async () => {
    const { notes: all } = await notes()
    await all.create({ owner: 'ann', rank: 2 }, { id: 'a' })
    const live = all.live('owner = :who ORDER BY rank', { named: { who: 'ann' } })
    const next = async () => kinds((await live.next()).value)
    assert.equal(await next(), 'initial a 0')
    await all.create({ owner: 'ann', rank: 1 }, { id: 'b' })
    assert.equal(await next(), 'add b 0')
    await all.patch('b', { set: { rank: 3 } })
    assert.equal(await next(), 'move b 1')
    await all.create({ owner: 'ann', rank: 2 }, { id: 'c' })
    assert.equal(await next(), 'add c 1')
    await all.patch('a', { set: { owner: 'bob' } })
    assert.equal(await next(), 'remove a 0')
    await live.close()
    assert.equal((await live.next()).done, true)

    const table = all.live('SELECT count(*) AS n')
    assert.deepEqual((await table.next()).value?.rows, [[3]])
    await all.create({ owner: 'eve' })
    assert.deepEqual((await table.next()).value?.rows, [[4]])
    await table.return()
  })

  it('keep a list', async () => {
    const { notes: all } = await notes()
    for (let i = 0; i < 6; i++) await all.create({ owner: 'ann', rank: i }, { id: `n${i}` })
    const stop = new AbortController()
    const live = all.live('rank >= 0 ORDER BY rank DESC LIMIT 3', { signal: stop.signal })
    const edits = (async () => {
      for (let i = 0; i < 60; i++) await all.patch(`n${i % 6}`, { set: { rank: (i * 7) % 23 } })
      await all.patch('n0', { set: { rank: 100 } })
    })()
    let before: readonly unknown[] | undefined
    for await (const list of live.lists()) {
      assert.notEqual(list.rows, before)
      before = list.rows
      assert.equal(list.rows.length, 3)
      for (const { id, values } of list) assert.equal(list.get(id), values)
      const ranks = list.rows.map(row => row.values.rank ?? -1)
      assert.deepEqual(ranks, [...ranks].sort((a, b) => b - a))
      if (list.rows[0]?.id === 'n0' && ranks[0] === 100) {
        await edits
        const page = await all.queryPage('rank >= 0 ORDER BY rank DESC LIMIT 3')
        assert.deepEqual(list.rows, page.entities)
        stop.abort()
      }
    }
    assert.equal(stop.signal.aborted, true)
  })

  it('come again with all rows, and fail where that is of no use', async () => {
    let breaks = 0
    const cut: { cut?: AbortController } = {}
    const fetching: typeof fetch = async (input, init) => {
      if (!String(input).includes('/live')) return fetch(input, init)
      const cutter = new AbortController()
      cut.cut = cutter
      init?.signal?.addEventListener('abort', () => cutter.abort(), { once: true })
      return fetch(input, { ...init, signal: cutter.signal })
    }
    const { notes: all } = await notes(server.client({ fetch: fetching, retryDelayMs: 1 }))
    await all.create({ owner: 'ann' }, { id: 'a' })
    const live = all.live('', { onReconnect: () => { breaks++ } })
    const list = new LiveList<Note>()
    const next = async () => {
      const { value } = await live.next()
      assert(value)
      list.apply(value)
      return value
    }
    assert.equal((await next()).reset, undefined)
    cut.cut?.abort()
    const again = next() // sees that the connection broke off
    assert.equal((await again).reset, true)
    assert.equal(breaks, 1)
    assert.deepEqual(list.rows.map(row => row.id), ['a'])
    await live.close()
    await assert.rejects(all.live('owner = ').next(), isValidationError)
    await assert.rejects(all.live('nobody = 1').next(), isValidationError)
  })

  it('see what policies let them', async () => {
    const { entities, notes: all } = await notes()
    assert.deepEqual(await entities.policies('notes'), { read: '', write: '' })
    assert.deepEqual(await entities.setPolicies('notes', { read: 'owner = :sub' }), { read: 'owner = :sub', write: '' })
    await assert.rejects(entities.setPolicies('notes', { write: 'owner =' }), isValidationError)
    await all.create({ owner: 'ann' }, { id: 'a' })
    assert.equal((await entities.testPolicies('notes', { sub: 'ann' }, { id: 'a' })).read.allowed, true)
    assert.deepEqual((await entities.testPolicies('notes', { sub: 'bob' }, { values: { owner: 'ann' } })).read.terms, [{ term: 'owner = :sub', is: 'false' }])
  })
})
