import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  type EntityStore, isAppendConditionFailedError, isEntityDeletedError, isEntityExistsError, isIdempotencyConflictError, isNotFoundError,
  isPreconditionFailedError, isUnknownOutcomeError, isValidationError, NacreClient,
} from '@nacredb/client'
import { TestServer } from './support/server.js'

interface Album {
  name: string
  year: number
  plays: number
  tags: string[]
}

const schema = {
  properties: {
    name: { kind: 'register', type: 'text' }, year: { kind: 'register', type: 'int64' },
    plays: { kind: 'counter', type: 'int64' }, tags: { kind: 'set', type: 'text' },
  },
  indexes: [['year']],
} as const

// The types of the specification are not read-only.
const declared = () => structuredClone(schema) as unknown as Parameters<EntityStore['declare']>[1]

let server: TestServer
before(async () => {
  server = await TestServer.start()
})
after(() => server.stop())

async function albums() {
  const { name } = await server.store()
  const entities = server.client().getEntities(name)
  await entities.declare('albums', declared(), { context: { actor: 'ann' } })
  return { store: name, entities, albums: entities.collection<Album>('albums') }
}

describe('entities', () => {
  it('are declared', async () => {
    const { entities } = await albums()
    assert.equal((await entities.schema('albums')).schema.properties['year']?.id, 'year')
    assert.deepEqual((await entities.collections()).map(one => one.name), ['albums'])
    await assert.rejects(entities.schema('none'), isNotFoundError)
    await assert.rejects(entities.declare('a-b', declared()), isValidationError)
  })

  it('are created, got, changed, deleted and restored', async () => {
    const { albums: all } = await albums()
    const made = await all.create({ name: 'Origin', year: 2001 }, { id: 'a/1', context: { actor: 'ann', metadata: { why: [1] } } })
    assert.equal(made.id, 'a/1')
    assert.deepEqual(made.values, { name: 'Origin', year: 2001 })
    assert((await all.create({})).id.length === 26)
    await assert.rejects(all.create({}, { id: 'a/1' }), isEntityExistsError)

    const read = await all.get('a/1')
    assert.deepEqual(read.heads, made.heads)
    const changed = await all.patch('a/1', { set: { year: 2002 }, add: { plays: 2, tags: ['rock'] } }, { ifMatch: read })
    assert.deepEqual(changed.values, { name: 'Origin', year: 2002, plays: 2, tags: ['rock'] })
    await assert.rejects(all.patch('a/1', { set: { year: 1 } }, { ifMatch: read }), isPreconditionFailedError)
    assert.equal((await all.patch('a/1', { set: { year: 2002 } })).lastPosition, 0)
    await assert.rejects(all.patch('a/1', { set: { yeer: 1 } }), (error: unknown) => isValidationError(error) && 'set.yeer' in error.validationErrors)

    assert.equal((await all.delete('a/1', { context: { actor: 'bob' } })).deleted, true)
    await assert.rejects(all.get('a/1'), isEntityDeletedError)
    assert.equal((await all.inspect('a/1')).values, null)
    assert.equal((await all.restore('a/1')).values?.year, 2002)
    await assert.rejects(all.get('none'), isNotFoundError)
  })

  it('are queried, page by page', async () => {
    const { albums: all, entities } = await albums()
    await entities.transact(Array.from({ length: 25 }, (_, n) => ({ do: 'create', collection: 'albums', id: `a-${n}`, values: { year: 2000 + n } }) as const))
    const years: unknown[] = []
    for await (const { values } of all.query('year > :since ORDER BY year DESC', { named: { since: 2003 }, limit: 10 })) years.push(values.year)
    assert.deepEqual(years, Array.from({ length: 21 }, (_, n) => 2024 - n))
    const page = await all.queryPage('year IN ?', { args: [[2001, 2003]], limit: 1 })
    assert.deepEqual([page.entities.map(one => one.id), typeof page.next, page.position], [['a-1'], 'string', 26])
    for await (const one of all.query()) {
      assert.equal(one.id, 'a-0')
      break
    }
    const table = await all.table('SELECT count(*), max(year)')
    assert.deepEqual([table.columns, table.rows], [['count(*)', 'max(year)'], [[25, 2024]]])
    await assert.rejects(all.queryPage('year > > 1'), (error: unknown) => isValidationError(error) && error.details?.['column'] === 8)
  })

  it('tell what they were', async () => {
    const { albums: all } = await albums()
    const first = await all.create({ name: 'A' }, { id: 'a', context: { actor: 'ann' } })
    const second = await all.patch('a', { set: { name: 'B' } })
    assert.equal((await all.get('a', { at: first.heads })).values.name, 'A')
    const entries = []
    for await (const entry of all.history('a')) entries.push([entry.eventId, entry.actor])
    assert.deepEqual(entries, [[first.heads[0], 'ann'], [second.heads[0], undefined]])
    for await (const entry of all.history('a', { backwards: true })) {
      assert.equal(entry.eventId, second.heads[0])
      break
    }
    assert.deepEqual(await all.diff('a', { from: first.heads }), [{ property: 'name', old: 'A', new: 'B' }])
    assert.deepEqual(await all.conflicts('a'), [])
    assert.equal((await all.inspect('a')).events, 2)
  })

  it('are edited together, and undone', async () => {
    const { albums: all, entities } = await albums()
    const done = await entities.transact([
      { do: 'create', collection: 'albums', id: 'a', values: { name: 'A' } },
      { do: 'create', collection: 'albums' },
      { do: 'patch', collection: 'albums', id: 'a', patch: { set: { year: 1 } } },
    ], { strict: true, context: { actor: 'ann' } })
    assert.deepEqual([done.ids[0], done.ids[2], done.lastPosition - done.firstPosition], ['a', 'a', 1])
    await assert.rejects(entities.transact([
      { do: 'create', collection: 'albums', id: 'b' }, { do: 'delete', collection: 'albums', id: 'none' },
    ]), isNotFoundError)
    await assert.rejects(all.get('b'), isNotFoundError)
    await assert.rejects(entities.undo(done.lastPosition, { context: { actor: 'bob' } }), isValidationError)
    const undone = await entities.undo(done.lastPosition, { context: { actor: 'ann' } })
    await assert.rejects(all.get('a'), isEntityDeletedError)
    await entities.undo(undone.firstPosition, { context: { actor: 'ann' } })
    assert.equal((await all.get('a')).values.year, 1)

    const context = { actor: 'cy' }
    const steps: number[] = []
    for (const plays of [1, 2, 4]) steps.push((await all.patch('a', { add: { plays } }, { context })).firstPosition)
    const first = steps[0] as number
    await assert.rejects(entities.undo(first, { context }), (e: Error) => isValidationError(e) && e.message.includes(steps.slice(1).join(', ')))
    await entities.undo(steps, { context })
    assert.equal((await all.get('a')).values.plays, 0)
  })

  it('merge what is changed at once, unless it is strict', async () => {
    const { albums: all, entities } = await albums()
    await all.create({}, { id: 'a' })
    const edits = [{ do: 'patch', collection: 'albums', id: 'a', patch: { add: { plays: 1 } } }] as const
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => n < 10
      ? all.patch('a', { add: { plays: 1 } }) : entities.transact(edits, { strict: true })))
    for (const one of outcomes) if (one.status === 'rejected') assert(isAppendConditionFailedError(one.reason), String(one.reason))
    assert.equal((await all.get('a')).values.plays, outcomes.filter(one => one.status === 'fulfilled').length)
  })

  it('are edited once, however often it is sent', async () => {
    const { store, albums: all } = await albums()
    await all.create({}, { id: 'a' })
    const first = await all.patch('a', { add: { plays: 1 } }, { idempotencyKey: 'k' })
    const again = await all.patch('a', { add: { plays: 1 } }, { idempotencyKey: 'k' })
    assert.deepEqual([first.duplicate, again.duplicate, again.firstPosition], [undefined, true, first.firstPosition])
    await assert.rejects(all.patch('a', { add: { plays: 2 } }, { idempotencyKey: 'k' }), isIdempotencyConflictError)
    await assert.rejects(all.patch('a', {}, { idempotencyKey: ' k' }), isValidationError)

    // Every second answer is lost.
    let sent = 0
    const lossy: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init)
      if (sent++ % 2 === 0) throw new TypeError('fetch failed')
      return answer
    }
    const client = new NacreClient({ baseUrl: server.url, fetch: lossy, retryDelayMs: 1 })
    const far = client.getEntities(store).collection<Album>('albums')
    const made = await far.create({ name: 'once' })
    assert.equal(made.duplicate, undefined)
    for (let n = 0; n < 5; n++) await far.patch('a', { add: { plays: 1 } })
    assert.equal((await all.get('a')).values.plays, 6)
    assert.deepEqual((await all.table("SELECT count(*) WHERE name = 'once'")).rows, [[1]])

    // All of them are.
    const nowhere = new NacreClient({
      baseUrl: server.url, retries: 1, retryDelayMs: 1,
      fetch: async (input, init) => { await fetch(input, init); throw new TypeError('fetch failed') },
    })
    const lost = await nowhere.getEntities(store).collection('albums').patch('a', { add: { plays: 1 } }).catch((error: unknown) => error)
    assert(isUnknownOutcomeError(lost))
    assert.deepEqual([lost.attempts, lost.appends], [2, []])
    const key = String(lost.details?.['idempotencyKey'])
    assert.equal((await all.patch('a', { add: { plays: 1 } }, { idempotencyKey: key })).duplicate, true)
    assert.equal((await all.get('a')).values.plays, 7)
  })
})
