import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type BaseEventStore, DCB_STREAM, isAppendConditionFailedError, isEventIdConflictError, isSerializationError,
  isStreamVersionConflictError, isTooLargeError, isValidationError, isVersionConflictError, NO_CONCURRENCY_CHECK,
  STREAM_DOES_NOT_EXIST, STREAM_EXISTS,
} from '@nacredb/client'

const placed = (total: number) => ({ type: 'order.placed', data: { total }, tags: ['customer:ann'] })
const paid = { type: 'order.paid', data: { payment: 'p-1' } }

/** What every store must do. `make` gives an empty one. */
export function storeSuite(name: string, make: () => Promise<BaseEventStore>): void {
  describe(`${name}: appends`, () => {
    it('tells what became of an append', async () => {
      const store = await make()
      const first = await store.appendToStream('order-1', [placed(1), paid], { expectedStreamVersion: 'no_stream' })
      assert.deepEqual(
        [first.success, first.streamId, first.eventsAppended, first.createdNewStream, first.currentStreamVersion, first.nextExpectedStreamVersion, first.globalPosition, first.lastPosition, first.duplicate],
        [true, 'order-1', 2, true, 1, 1, 2, 2, undefined])
      assert.deepEqual(first.events.map(e => [e.type, e.streamPosition, e.globalPosition, e.data]), [
        ['order.placed', 0, 1, { total: 1 }], ['order.paid', 1, 2, { payment: 'p-1' }]])
      assert.deepEqual(first.events[0]?.tags, ['customer:ann'])
      assert.match(first.events[0]?.createdAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
      assert.equal(first.events[0]?.transactionId, first.events[1]?.transactionId)
      const second = await store.appendToStream('order-1', [paid], { expectedStreamVersion: 1 })
      assert.deepEqual([second.createdNewStream, second.currentStreamVersion, second.globalPosition], [false, 2, 3])
      assert.equal(second.events[0]?.transactionId, undefined)
    })

    it('keeps data, metadata and tags', async () => {
      const store = await make()
      const values = [null, 0, -1.5, '', 'ü\u2028"\\', true, [], {}, { a: [{ b: null }] }]
      for (const data of values) await store.appendToStream('values', [{ type: 'v', data }])
      assert.deepEqual((await store.readStream('values')).map(e => e.data), values)
      await store.appendToStream('meta', [
        { type: 'm', data: 1, metadata: { actor: 'ann', n: 1 }, tags: ['a', 'b:c'], schemaVersion: '2' }])
      const [event] = await store.readStream('meta')
      assert.deepEqual(event?.metadata, { actor: 'ann', n: 1, schemaVersion: '2' })
      assert.deepEqual(event?.tags, ['a', 'b:c'])
    })

    it('takes null and what is empty for what is not there', async () => {
      const store = await make()
      const events: any[] = [{ type: 't', data: null, metadata: null, tags: [], eventId: null, schemaVersion: null }, { type: 't', data: 1, tags: null }]
      await store.appendToStream('s', events)
      const [first, second] = await store.readStream('s')
      for (const event of [first, second]) assert.deepEqual([event?.metadata, event?.tags], [undefined, undefined])
      assert.equal(first?.data, null)
      assert.notEqual(first?.eventId, second?.eventId)
    })

    it('keeps any text', async () => {
      const store = await make()
      const text = '\u0000 \u001f "\\" \\ud800 \u2028 \u007f ü 漢 😀 \ufeff'
      const event = { type: 'tést.😀', data: { [text]: text }, metadata: { text }, tags: ['ключ:1'] }
      await store.appendToStream('strö m/😀%2f?#', [event])
      const [read] = await store.readStream('strö m/😀%2f?#')
      assert.deepEqual({ type: read?.type, data: read?.data, metadata: read?.metadata, tags: read?.tags }, event)
      assert.equal((await store.queryEvents({ tag: 'ключ:1', type: 'tést.*' })).length, 1)
    })

    it('gives nothing out that changes it', async () => {
      const store = await make()
      const data = { list: [1] }
      const result = await store.appendToStream('s', [{ type: 't', data }])
      data.list.push(2)
      result.events[0]?.data.list.push(3)
      ;(await store.readStream('s'))[0]?.data.list.push(4)
      assert.deepEqual((await store.readStream('s'))[0]?.data, { list: [1] })
    })

    it('checks expected versions', async () => {
      const store = await make()
      await store.appendToStream('s', [paid])
      await store.appendToStream('s', [paid], { expectedStreamVersion: STREAM_EXISTS })
      await store.appendToStream('s', [paid], { expectedStreamVersion: NO_CONCURRENCY_CHECK })
      await store.appendToStream('new', [paid], { expectedStreamVersion: -1 })
      const wrong = [
        ['s', 0, 2], ['s', 5, 2], ['s', STREAM_DOES_NOT_EXIST, 2], ['s', -1, 2], ['other', STREAM_EXISTS, -1], ['other', 0, -1],
      ] as const
      for (const [streamId, expected, current] of wrong) {
        await assert.rejects(store.appendToStream(streamId, [paid], { expectedStreamVersion: expected }), error => {
          assert(isStreamVersionConflictError(error) && isVersionConflictError(error))
          assert.equal(error.status, 409)
          assert.equal(error.currentVersion, current)
          // -1 and no_stream are the same.
          assert.equal(error.expectedVersion === 'no_stream' ? -1 : error.expectedVersion, expected === 'no_stream' ? -1 : expected)
          assert.equal(error.streamId, streamId)
          assert.equal(error.errorType, 'VERSION_CONFLICT')
          return true
        })
      }
      assert.equal((await store.readStream('s')).length, 3)
      assert.equal((await store.readStream('other')).streamExists, false)
    })

    it('lets one of two first writers win', async () => {
      const store = await make()
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(n =>
        store.appendToStream('race', [placed(n)], { expectedStreamVersion: 'no_stream' })))
      assert.equal(outcomes.filter(one => one.status === 'fulfilled').length, 1)
      assert.equal((await store.readStream('race')).length, 1)
    })

    it('appends to several streams, both or neither', async () => {
      const store = await make()
      const result = await store.multiStreamAppend([
        { streamId: 'order-1', events: [placed(1), paid], expectedStreamVersion: 'no_stream' },
        { streamId: 'payment-1', events: [{ type: 'payment.taken', data: {} }] },
      ])
      assert.equal(result.eventsWritten, 3)
      assert.equal(result.lastPosition, 3)
      assert.deepEqual(result.streams.map(s => [s.streamId, s.nextExpectedStreamVersion]), [['order-1', 1], ['payment-1', 0]])
      assert.deepEqual(result.events.map(e => [e.streamId, e.globalPosition]), [['order-1', 1], ['order-1', 2], ['payment-1', 3]])
      await assert.rejects(store.multiStreamAppend([
        { streamId: 'a', events: [paid] }, { streamId: 'order-1', events: [paid], expectedStreamVersion: 0 },
      ]), isStreamVersionConflictError)
      assert.equal((await store.readStream('a')).length, 0)
      await assert.rejects(store.multiStreamAppend([
        { streamId: 'a', events: [paid] }, { streamId: 'a', events: [paid] }]), isValidationError)
    })

    it('keeps append conditions', async () => {
      const store = await make()
      const seat = { type: 'seat.booked', data: { seat: '12a' }, tags: ['seat:12a'] }
      const query = { items: [{ types: ['seat.booked'], tags: ['seat:12a'] }] }
      const before = await store.readByQuery(query)
      assert.equal(before.length, 0)
      const first = await store.append([seat], { failIfEventsMatch: query, after: before.lastPosition })
      assert.equal(first.streamId, DCB_STREAM)
      assert.equal(first.lastPosition, 1)
      await assert.rejects(store.append([seat], { failIfEventsMatch: query, after: before.lastPosition }), error => {
        assert(isAppendConditionFailedError(error))
        assert.deepEqual([error.status, error.conflictingPositions, error.afterPosition], [409, [1], 0])
        return true
      })
      await store.append([seat], { failIfEventsMatch: query, after: 1 })
      await assert.rejects(store.multiStreamAppend([{ streamId: 'x', events: [paid] }], { condition: { failIfEventsMatch: query, after: 0 } }), isAppendConditionFailedError)
    })

    it('writes the same ids once', async () => {
      const store = await make()
      const events = [{ ...placed(1), eventId: 'e-1' }, { ...paid, eventId: 'e-2' }]
      const first = await store.appendToStream('s', events, { expectedStreamVersion: 'no_stream' })
      const again = await store.appendToStream('s', events, { expectedStreamVersion: 'no_stream' })
      assert.equal(first.duplicate, undefined)
      assert.equal(again.duplicate, true)
      assert.deepEqual(again.events, first.events)
      assert.equal(again.createdNewStream, first.createdNewStream)
      assert.equal((await store.readStream('s')).length, 2)
      await assert.rejects(store.appendToStream('s', [{ ...placed(9), eventId: 'e-1' }]), isEventIdConflictError)
      await assert.rejects(store.appendToStream('s', [{ ...paid, eventId: 'e-1' }]), isEventIdConflictError)
      await assert.rejects(store.appendToStream('s', [{ ...paid, eventId: 'e-2' }, { ...paid, eventId: 'e-3' }]), isEventIdConflictError)
      assert.deepEqual((await store.findEvent('s', 'e-2'))?.data, paid.data)
      assert.equal(await store.findEvent('s', 'e-3'), undefined)
      assert.equal(await store.findEvent('nowhere', 'e/../1'), undefined)
    })

    it('writes under the same idempotency key once', async () => {
      const store = await make()
      const first = await store.appendToStream('s', [placed(1), paid], { idempotencyKey: 'k' })
      const again = await store.appendToStream('s', [placed(1), paid], { idempotencyKey: 'k', expectedStreamVersion: 99 })
      assert.equal(again.duplicate, true)
      assert.deepEqual(again.events, first.events)
      await assert.rejects(store.appendToStream('s', [placed(2), paid], { idempotencyKey: 'k' }), isEventIdConflictError)
    })

    it('refuses what is wrong, by field', async () => {
      const store = await make()
      const wrong: [string, any][] = [
        ['s', []], ['s', [{ type: '', data: 1 }]], ['s', [{ type: 'a.*', data: 1 }]], ['s', [{ type: 't' }]],
        ['s', [{ type: 't', data: 1, tags: [''] }]], ['s', [{ type: 't', data: 1, metadata: [] }]],
        ['s', [{ type: 't', data: 1, colour: 'red' }]], ['s', [{ type: 't', data: 1, eventId: 'x'.repeat(65) }]],
        ['s', [{ type: '$t', data: 1 }]], ['s', [{ type: 'a"b', data: 1 }]], ['s', [{ type: 't', data: ['\ud800'] }]],
        ['s', [{ type: 't', data: 1, metadata: { a: '\udfff' } }]], ['s', [{ type: 't', data: 1, tags: ['a', 'a'] }]],
        ['s', [{ type: 't', data: 1, tags: ['$a'] }]], ['s', [{ type: 't', data: 1, tags: ['a\\b'] }]],
        ['s', [{ type: 't', data: 1, eventId: '' }]], ['s', [{ type: 't', data: 1, eventId: 'a b' }]], ['s', [{ type: 't', data: 1, eventId: 'ü' }]],
        ['s', [{ type: 't', data: 1, schemaVersion: true }]], ['s', [{ type: 't', data: 1, schemaVersion: 1, metadata: { schemaVersion: 1 } }]],
        ['s', [{ type: 't', data: { toJSON: () => undefined } }]], ['s', [null]], ['s', undefined], ['s', { ...paid, length: 1 }],
        ['a\u2028b', [paid]], ['a\ud800', [paid]], ['$s', [paid]], ['-s', [paid]], ['s'.repeat(257), [paid]], ['a"b', [paid]],
        ['s', [{ ...paid, eventId: 'same' }, { ...paid, eventId: 'same' }]],
      ]
      for (const [streamId, events] of wrong) {
        await assert.rejects(store.appendToStream(streamId, events), error => {
          assert(isValidationError(error), `${JSON.stringify([streamId.slice(0, 9), events])}: ${error}`)
          assert.equal(error.status, 400)
          assert.notEqual(Object.keys(error.validationErrors)[0], '')
          return true
        })
      }
      const cycle: any = {}
      cycle.cycle = cycle
      await assert.rejects(store.appendToStream('s', [paid, { type: 't', data: cycle }]), isSerializationError)
      await assert.rejects(store.appendToStream('s', Array.from({ length: 1001 }, () => paid)), isTooLargeError)
      for (const idempotencyKey of ['', 'ключ', ' k', 'a\nb', 'x'.repeat(257)]) {
        await assert.rejects(store.appendToStream('s', [paid], { idempotencyKey }), isValidationError)
      }
      assert.equal((await store.queryEvents()).length, 0)
    })
  })

  describe(`${name}: reads`, () => {
    it('reads a stream as an array that bears more', async () => {
      const store = await make()
      for (let n = 0; n < 5; n++) await store.appendToStream('s', [{ type: n % 2 ? 'odd' : 'even', data: n, tags: [`n:${n}`] }])
      const events = await store.readStream('s')
      assert(Array.isArray(events))
      assert.equal(events.events, events)
      assert.deepEqual([events.currentStreamVersion, events.streamId, events.streamExists], [4, 's', true])
      assert.deepEqual(Object.keys(events), ['0', '1', '2', '3', '4'])
      const read = async (options: object) => (await store.readStream('s', options)).map(e => e.data)
      assert.deepEqual(await read({ from: 1, to: 3 }), [1, 2, 3])
      assert.deepEqual(await read({ fromStreamPosition: 3 }), [3, 4])
      assert.deepEqual(await read({ toStreamPosition: 1 }), [0, 1])
      assert.deepEqual(await read({ direction: 'backward', limit: 2 }), [4, 3])
      assert.deepEqual(await read({ maxCount: 1 }), [0])
      assert.deepEqual(await read({ types: ['o*'] }), [1, 3])
      assert.deepEqual(await read({ tags: ['n:2'] }), [2])
      assert.deepEqual(await read({ expectedStreamVersion: 4, limit: 1 }), [0])
      await assert.rejects(read({ expectedStreamVersion: 3 }), isStreamVersionConflictError)
      for (const wrong of [{ from: -1 }, { to: -1 }, { from: 1.5 }, { limit: 0 }]) await assert.rejects(read(wrong), isValidationError)
      await assert.rejects(store.readStream(''), isValidationError)
      const none = await store.readFromStream('none')
      assert.deepEqual([none.length, none.events, none.currentStreamVersion, none.streamExists], [0, [], -1, false])
    })

    it('reads a stream that is longer than a page', async () => {
      const store = await make()
      const count = 12_500
      for (let at = 0; at < count; at += 500) {
        await store.appendToStream('long', Array.from({ length: 500 }, (_, i) => ({ type: 'n', data: at + i })))
      }
      const all = Array.from({ length: count }, (_, i) => i)
      assert.deepEqual((await store.readStream('long')).map(e => e.data), all)
      assert.deepEqual((await store.readStream('long', { direction: 'backward' })).map(e => e.data), [...all].reverse())
      assert.equal((await store.readStream('long', { limit: 11_000 })).length, 11_000)
      const { state } = await store.aggregateStream('long', { initialState: 0, evolve: (sum: number, e) => sum + e.data })
      assert.equal(state, (count * (count - 1)) / 2)

      // Somebody appends while it is read: it is read as it was when that began.
      const pages = store as unknown as { readPage: (...args: unknown[]) => Promise<object> }
      const readPage = pages.readPage.bind(store)
      pages.readPage = async (...args) => {
        const page = await readPage(...args)
        await store.appendToStream('long', [{ type: 'late', data: 0 }])
        return page
      }
      const before = await store.readStream('long')
      assert.deepEqual([before.length, before.currentStreamVersion], [count, count - 1])
    })

    it('folds a stream', async () => {
      const store = await make()
      type E = { type: 'added'; data: { n: number } } | { type: 'cleared'; data: object }
      await store.appendToStream<E>('sum', [
        { type: 'added', data: { n: 7 } }, { type: 'cleared', data: {} }, { type: 'added', data: { n: 2 } }, { type: 'added', data: { n: 3 } }])
      const options = {
        initialState: () => ({ sum: 0 }),
        evolve: (state: { sum: number }, event: { type: string; data: any }) =>
          event.type === 'cleared' ? { sum: 0 } : { sum: state.sum + event.data.n },
      }
      assert.deepEqual(await store.aggregateStream('sum', options), { state: { sum: 5 }, currentStreamVersion: 3, streamExists: true })
      assert.deepEqual((await store.aggregateStream('sum', { ...options, read: { from: 3 } })).state, { sum: 3 })
      assert.deepEqual(await store.aggregateStream('none', options), { state: { sum: 0 }, currentStreamVersion: -1, streamExists: false })
    })

    it('queries events', async () => {
      const store = await make()
      await store.appendToStream('order-1', [placed(1), paid])
      await store.appendToStream('user-1', [{ type: 'user.registered', data: {}, tags: ['customer:ann', 'vip'] }])
      await store.appendToStream('order-2', [placed(2)])
      const query = async (options: object) => (await store.queryEvents(options)).map(e => e.globalPosition)
      assert.deepEqual(await query({}), [1, 2, 3, 4])
      assert.deepEqual(await query({ type: 'order.*' }), [1, 2, 4])
      assert.deepEqual(await query({ type: ['order.paid', 'user.registered'] }), [2, 3])
      assert.deepEqual(await query({ streamId: 'order-2' }), [4])
      assert.deepEqual(await query({ category: 'order', after: 1 }), [2, 4])
      assert.deepEqual(await query({ tag: ['customer:ann', 'vip'] }), [3])
      assert.deepEqual(await query({ filter: { items: [{ tags: ['vip'] }, { types: ['order.paid'] }] } }), [2, 3])
      assert.deepEqual(await query({ filter: 'order.p*' }), [1, 2, 4])
      assert.deepEqual(await query({ fromPosition: 2, toPosition: 3 }), [2, 3])
      assert.deepEqual(await query({ sortDirection: 'desc', limit: 2 }), [4, 3])
      assert.deepEqual(await query({ direction: 'backward', before: 3 }), [2, 1])
      assert.deepEqual(await query({ fromDate: '2020-01-01', toDate: new Date(Date.now() + 86_400_000) }), [1, 2, 3, 4])
      assert.deepEqual(await query({ toDate: '2020-01-01' }), [])
      const page = await store.queryEvents({ type: 'order.*', limit: 2, includeCount: true })
      assert.equal(page.events, page)
      assert.deepEqual([page.hasMore, page.lastPosition, page.pagination.total], [true, 2, 3])
      assert.deepEqual((await store.readByQuery({ items: [{ categories: ['user'] }] })).map(e => e.streamId), ['user-1'])
      assert.deepEqual((await store.readByQuery({ items: [] }, { after: 1, limit: 1 })).map(e => e.globalPosition), [2])
    })

    it('lists streams', async () => {
      const store = await make()
      for (const id of ['order-10', 'order-2', 'user-1', 'order-2', 'zeta']) await store.appendToStream(id, [paid])
      const page = await store.queryStreams({ limit: 2 })
      assert.equal(page.streams, page)
      assert.deepEqual(page.map(s => [s.streamId, s.streamType, s.version, s.eventCount]), [['order-10', 'order', 0, 1], ['order-2', 'order', 1, 2]])
      assert.deepEqual([page.hasMore, page.nextCursor], [true, 'order-2'])
      assert.deepEqual((await store.queryStreams({ after: 'order-2' })).map(s => s.streamId), ['user-1', 'zeta'])
      assert.deepEqual((await store.queryStreams({ streamType: 'order' })).map(s => s.streamId), ['order-10', 'order-2'])
      assert.deepEqual((await store.queryStreams({ streamIdPattern: 'order-1*' })).map(s => s.streamId), ['order-10'])
      assert.deepEqual((await store.listStreams()).map(s => s.streamId), ['order-10', 'order-2', 'user-1', 'zeta'])
      assert.deepEqual((await store.listStreams({ prefix: 'u' })).map(s => s.streamId), ['user-1'])
    })

    it('obeys a signal', async () => {
      const store = await make()
      const signal = AbortSignal.abort(new Error('enough'))
      await assert.rejects(store.readStream('s', { signal }), /enough/)
      await assert.rejects(store.appendToStream('s', [paid], { signal }), /enough/)
      assert.equal((await store.readStream('s')).length, 0)
    })
  })
}
