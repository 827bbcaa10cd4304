import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  type BaseEventStore, command, type Command, createCommand, createEvent, type Decider, event, type Event, type EventStore,
  type EventStoreOptions, handleCommand, handleCommandWithDecider, handleCommandWithDeciderAndRetry, handleCommandWithRetry,
  InMemoryEventStore, InMemoryReadModelStore, type InlineProjection, isInlineProjectionError, isStreamVersionConflictError,
  matchesExpectedVersion, multiStreamProjection, NO_CONCURRENCY_CHECK, singleStreamProjection, STREAM_DOES_NOT_EXIST,
  STREAM_EXISTS, type VersionedDocument,
} from '@nacredb/client'
import { TestServer } from './support/server.js'

let server: TestServer
before(async () => {
  server = await TestServer.start()
})
after(() => server.stop())

type AccountEvent =
  | Event<'account.opened', { owner: string }>
  | Event<'account.deposited', { cents: number }>
  | Event<'account.withdrawn', { cents: number }>
type AccountCommand = Command<'open', { owner: string }> | Command<'deposit', { cents: number }> | Command<'withdraw', { cents: number }>
interface Account { owner: string | undefined; cents: number }

const account: Decider<Account, AccountCommand, AccountEvent> = {
  decide: (state, { type, data }) => {
    switch (type) {
      case 'open':
        return state.owner === undefined ? event<AccountEvent>('account.opened', data) : []
      case 'deposit':
        return [event<AccountEvent>('account.deposited', data)]
      case 'withdraw':
        if (state.cents < data.cents) throw new Error('there is not enough money')
        return event<AccountEvent>('account.withdrawn', data)
    }
  },
  evolve: (state, { type, data }) => {
    switch (type) {
      case 'account.opened': return { ...state, owner: data.owner }
      case 'account.deposited': return { ...state, cents: state.cents + data.cents }
      case 'account.withdrawn': return { ...state, cents: state.cents - data.cents }
    }
  },
  initialState: () => ({ owner: undefined, cents: 0 }),
}

/** A store whose reads let somebody else append before they return, `times` times. */
function overtaken(store: EventStore, times: number): EventStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name !== 'aggregateStream') return Reflect.get(target, name).bind(target)
      return async (streamId: string, options: never) => {
        const result = await target.aggregateStream(streamId, options)
        if (times-- > 0) await target.appendToStream(streamId, [{ type: 'account.deposited', data: { cents: 1 } }])
        return result
      }
    },
  })
}

function suite(name: string, make: (options?: EventStoreOptions) => Promise<BaseEventStore>): void {
  describe(`${name}: commands`, () => {
    it('are decided, and the events appended', async () => {
      const store = await make()
      const opened = await handleCommandWithDecider(store, 'account-1', command<AccountCommand>('open', { owner: 'ann' }), account)
      assert.deepEqual([opened.newState, opened.nextExpectedStreamVersion, opened.createdNewStream], [{ owner: 'ann', cents: 0 }, 0, true])
      assert.deepEqual(opened.newEvents, [{ type: 'account.opened', data: { owner: 'ann' } }])
      assert.equal(opened.storedEvents[0]?.globalPosition, 1)
      const again = await handleCommandWithDecider(store, 'account-1', command<AccountCommand>('open', { owner: 'bob' }), account)
      assert.deepEqual([again.newEvents, again.newState.owner, again.nextExpectedStreamVersion], [[], 'ann', 0])
      await assert.rejects(handleCommandWithDecider(store, 'account-1', command<AccountCommand>('withdraw', { cents: 1 }), account), /not enough/)
      const nothing = await handleCommandWithDecider(store, 'account-2', command<AccountCommand>('open', { owner: 'x' }), { ...account, decide: () => [] })
      assert.equal(nothing.nextExpectedStreamVersion, -1)
      assert.equal((await store.readStream('account-1')).length, 1)
    })

    it('are decided by a function as well', async () => {
      const store = await make()
      const options = { evolve: (n: number, e: { type: 'added'; data: number }) => n + e.data, initialState: () => 0 }
      for (const n of [1, 2, 3]) {
        const { newState } = await handleCommand(store, 'sum', async state => ({ type: 'added' as const, data: state + 1 }), options)
        assert.equal(newState, 2 ** n - 1)
      }
    })

    it('conflict where the stream moved, or are decided anew', async () => {
      const store = await make()
      const deposit = command<AccountCommand>('deposit', { cents: 100 })
      await assert.rejects(handleCommandWithDecider(overtaken(store, 1), 'account-1', deposit, account), isStreamVersionConflictError)
      const result = await handleCommandWithDeciderAndRetry(overtaken(store, 3), 'account-1', deposit, account, { retry: { delayMs: 1 } })
      assert.deepEqual([result.attempts, result.newState.cents], [4, 104])
      await assert.rejects(
        handleCommandWithDeciderAndRetry(overtaken(store, 9), 'account-1', deposit, account, { retry: { delayMs: 1, maxAttempts: 2 } }),
        isStreamVersionConflictError)
      await assert.rejects(
        handleCommandWithRetry(overtaken(store, 1), 'account-1', () => ({ type: 't', data: {} }), {
          evolve: s => s, initialState: () => 0, expectedStreamVersion: 0,
        }), isStreamVersionConflictError)
      const lost = await handleCommandWithDecider(overtaken(store, 1), 'account-1', deposit, account, { expectedStreamVersion: NO_CONCURRENCY_CHECK })
      assert.equal(lost.createdNewStream, false)
    })
  })

  describe(`${name}: inline projections`, () => {
    interface Balance { owner: string; cents: number }
    const balances = (store: InMemoryReadModelStore) => singleStreamProjection<Balance, AccountEvent>({
      projectionName: 'balances', store, canHandle: ['account.opened', 'account.deposited', 'account.withdrawn'],
      initialState: () => ({ owner: '', cents: 0 }),
      evolve: (document, e) => {
        switch (e.type) {
          case 'account.opened': return { ...document, owner: e.data.owner }
          case 'account.deposited': return { ...document, cents: document.cents + e.data.cents }
          case 'account.withdrawn': return { ...document, cents: document.cents - e.data.cents }
        }
      },
      getDocumentId: streamId => streamId.replace('account-', ''),
    })
    const deposits = (store: InMemoryReadModelStore) => multiStreamProjection<{ count: number; cents: number }, AccountEvent>({
      projectionName: 'deposits', store, canHandle: ['account.deposited'], initialState: () => ({ count: 0, cents: 0 }),
      evolve: (document, e) => e.type === 'account.deposited' ? { count: document.count + 1, cents: document.cents + e.data.cents } : document,
      getDocumentId: e => (e.type === 'account.deposited' && e.data.cents >= 100 ? 'large' : 'small'),
    })
    const opened = { type: 'account.opened', data: { owner: 'ann' } }
    const deposited = (cents: number) => ({ type: 'account.deposited', data: { cents } })

    it('are there when the append returns', async () => {
      const documents = new InMemoryReadModelStore()
      const store = await make({ projections: [balances(documents), deposits(documents)] })
      await store.appendToStream('account-1', [opened, deposited(150)])
      assert.deepEqual(await documents.get('balances', '1'), { owner: 'ann', cents: 150, _version: 1 })
      await store.multiStreamAppend([
        { streamId: 'account-1', events: [{ type: 'unrelated', data: {} }, deposited(5)] }, { streamId: 'account-2', events: [deposited(7)] }])
      assert.deepEqual(await documents.get('balances', '1'), { owner: 'ann', cents: 155, _version: 3 })
      assert.deepEqual(await documents.get('balances', '2'), { owner: '', cents: 7, _version: 0 })
      assert.deepEqual(await documents.get('deposits', 'small'), { count: 2, cents: 12, _position: 5 })
      assert.deepEqual(await documents.get('deposits', 'large'), { count: 1, cents: 150, _position: 2 })
      assert.deepEqual((await documents.list('balances')).map(one => one.id), ['1', '2'])
    })

    it('take what others appended, and nothing twice', async () => {
      const documents = new InMemoryReadModelStore()
      const projections = [balances(documents), deposits(documents)]
      const store = await make({ projections })
      // What another process appended has not been seen here.
      const unseen = projections.map(projection => projection.processEvents)
      for (const projection of projections) projection.processEvents = async () => {}
      await store.appendToStream('account-1', [opened, deposited(1)])
      await store.appendToStream('account-9', [deposited(500)])
      projections.forEach((projection, i) => { projection.processEvents = unseen[i] as InlineProjection['processEvents'] })

      const result = await store.appendToStream('account-1', [deposited(2)])
      const balance = { owner: 'ann', cents: 3, _version: 2 }
      assert.deepEqual(await documents.get('balances', '1'), balance)
      assert.deepEqual(await documents.get('deposits', 'large'), { count: 1, cents: 500, _position: 3 })
      for (const projection of projections) await projection.processEvents(result.events, store)
      assert.deepEqual(await documents.get('balances', '1'), balance)
      assert.deepEqual(await documents.get('deposits', 'small'), { count: 2, cents: 3, _position: 4 })
    })

    it('are right where many append at the same time', async () => {
      const documents = new InMemoryReadModelStore()
      const single = balances(documents)
      const multi = deposits(documents)
      const store = await make({ projections: [single, multi] })
      await Promise.all(Array.from({ length: 40 }, (_, n) => store.appendToStream(`account-${n % 4}`, [deposited(1)])))
      for (const n of [0, 1, 2, 3]) {
        assert.deepEqual(await documents.get<VersionedDocument<Balance>>('balances', String(n)), { owner: '', cents: 10, _version: 9 })
      }
      assert.deepEqual(await documents.get('deposits', 'small'), { count: 40, cents: 40, _position: 40 })
      assert.equal(await multi.lastProcessedPosition(), 40)
    })

    it('catch up with a log, and after a stop between document and position', async () => {
      const documents = new InMemoryReadModelStore()
      const store = await make()
      for (let n = 0; n < 3; n++) await store.appendToStream('account-1', Array.from({ length: 700 }, () => deposited(1)))
      const multi = deposits(documents)
      await multi.catchUp(store)
      assert.deepEqual(await documents.get('deposits', 'small'), { count: 2100, cents: 2100, _position: 2100 })
      await documents.put('deposits.position', 'position', { position: 1000 })
      await multi.catchUp(store)
      assert.deepEqual(await documents.get('deposits', 'small'), { count: 2100, cents: 2100, _position: 2100 })
    })

    it('that fail say that the events are appended', async () => {
      const broken: InlineProjection = {
        projectionName: 'broken', supportedEventTypes: ['account.opened'], processEvents: () => { throw new Error('no disk') },
      }
      const store = await make({ projections: [broken] })
      await store.appendToStream('account-1', [deposited(1)])
      await assert.rejects(store.appendToStream('account-1', [opened]), error =>
        isInlineProjectionError(error) && error.projectionName === 'broken' && /are appended.*no disk/.test(error.message) &&
        (error.result as { nextExpectedStreamVersion: number }).nextExpectedStreamVersion === 1)
      assert.equal((await store.readStream('account-1')).length, 2)
    })
  })
}

suite('a server', async options => {
  const { name } = await server.store()
  return server.client().getEventStore(name, options)
})
suite('in memory', async options => new InMemoryEventStore(options))

describe('small things', () => {
  it('events and commands are made', () => {
    assert.deepEqual(event('t', { n: 1 }), { type: 't', data: { n: 1 } })
    assert.deepEqual(event('t', { n: 1 }, { actor: 'ann' }), { type: 't', data: { n: 1 }, metadata: { actor: 'ann' } })
    assert.deepEqual(command('t', 1), { type: 't', data: 1 })
    assert.deepEqual(createEvent('t', 1, { a: 1 }), { type: 't', data: 1, metadata: { a: 1 } })
    assert.deepEqual(createCommand('t', 1), { type: 't', data: 1 })
  })

  it('versions are matched', () => {
    const table: [number | undefined, any, boolean][] = [
      [undefined, undefined, true], [3, NO_CONCURRENCY_CHECK, true], [undefined, STREAM_DOES_NOT_EXIST, true],
      [0, STREAM_DOES_NOT_EXIST, false], [0, STREAM_EXISTS, true], [-1, STREAM_EXISTS, false], [2, 2, true], [2, '2', true], [2, 3, false], [-1, -1, true],
    ]
    for (const [current, expected, want] of table) assert.equal(matchesExpectedVersion(current, expected), want, `${current} ${expected}`)
    assert.equal(matchesExpectedVersion(0, STREAM_DOES_NOT_EXIST, 0), true)
  })
})
