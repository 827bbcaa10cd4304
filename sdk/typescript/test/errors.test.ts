import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as sdk from '@nacredb/client'
import { TestServer } from './support/server.js'

const { NacreClient } = sdk

/** The error of a read that is answered so. */
async function errorOf(status: number, body: unknown, headers: Record<string, string> = {}): Promise<unknown> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const client = new NacreClient({ retries: 0, fetch: async () => new Response(text, { status, headers }) })
  try {
    await client.getEventStore('default').readStream('s')
  } catch (error) {
    return error
  }
  return assert.fail('it did not fail')
}

describe('errors', () => {
  it('are of the class that the code says', async () => {
    const table: [number, string, string][] = [
      [400, 'INVALID_ARGUMENT', 'ValidationError'], [400, 'CONFIRMATION_REQUIRED', 'ValidationError'],
      [401, 'UNAUTHORIZED', 'AuthenticationError'], [403, 'FORBIDDEN', 'AuthorizationError'],
      [403, 'CROSS_ORIGIN', 'AuthorizationError'], [404, 'NOT_FOUND', 'NotFoundError'],
      [404, 'EVENT_STORE_NOT_FOUND', 'EventStoreNotFoundError'], [404, 'SUBSCRIPTION_NOT_FOUND', 'SubscriptionNotFoundError'],
      [409, 'VERSION_CONFLICT', 'StreamVersionConflictError'], [409, 'APPEND_CONDITION_FAILED', 'AppendConditionFailedError'],
      [409, 'EVENT_ID_CONFLICT', 'EventIdConflictError'], [410, 'LOG_REWOUND', 'LogRewoundError'], [413, 'TOO_LARGE', 'TooLargeError'],
      [429, 'RATE_LIMITED', 'RateLimitError'], [500, 'DAMAGED', 'StorageError'], [500, 'INTERNAL', 'InternalServerError'],
      [501, 'UNSUPPORTED', 'UnsupportedError'], [503, 'STORE_FAILED', 'StorageError'], [503, 'SHUTTING_DOWN', 'ServiceUnavailableError'],
      [504, 'DEADLINE_EXCEEDED', 'TimeoutError'], [507, 'STORE_FULL', 'StorageError'],
      // What is of a newer server, or of none.
      [400, 'NEWER', 'ValidationError'], [409, 'NEWER', 'NacreError'], [418, 'NEWER', 'NacreError'], [500, 'NEWER', 'InternalServerError'],
    ]
    for (const [status, code, name] of table) {
      const error = await errorOf(status, { error: code, message: 'why', details: { field: 'x' } })
      assert(error instanceof sdk.NacreError && sdk.isDeltaBaseError(error) && sdk.isNacreError(error))
      assert.deepEqual([error.name, error.status, error.errorType, error.message], [name, status, code, 'why'], code)
      const guard: unknown = Reflect.get(sdk, `is${name}`)
      assert(typeof guard === 'function' && guard(error), name)
      assert(error instanceof Reflect.get(sdk, name))
    }
  })

  it('of what stands between say what they can', async () => {
    for (const [status, name] of [[502, 'ServiceUnavailableError'], [504, 'TimeoutError'], [500, 'InternalServerError'], [401, 'AuthenticationError']] as const) {
      const error = await errorOf(status, '<html>no</html>')
      assert(sdk.isNacreError(error))
      assert.deepEqual([error.name, error.body], [name, '<html>no</html>'])
      assert.match(error.message, new RegExp(String(status)))
    }
    const redirected = await errorOf(302, '', { Location: 'http://elsewhere' })
    assert(sdk.isNacreError(redirected) && /redirect/.test(redirected.message))
    const strange = await errorOf(200, '<html>')
    assert(sdk.isSerializationError(strange) && /no JSON/.test(strange.message))
  })

  it('have a guard each, which takes nothing else', () => {
    const classes = Object.keys(sdk).filter(name => /^[A-Z].*Error$/.test(name))
    assert(classes.length >= 26)
    for (const name of classes) {
      const guard = Reflect.get(sdk, `is${name}`)
      for (const other of [null, undefined, 'text', {}, new Error(name), Object.assign(new Error(), { name })]) assert.equal(guard(other), false)
    }
  })

  it('of DeltaBase have the members that it gives them', async () => {
    const conflict = await errorOf(409, {
      error: 'VERSION_CONFLICT', message: 'm', details: { streamId: 's', expectedVersion: 1, currentVersion: 2 },
    })
    assert(sdk.isVersionConflictError(conflict))
    assert.deepEqual([conflict.currentVersion, conflict.expectedVersion], [2, 1])
    // The append condition's error has its members at the top, and a sentence as details, there.
    const failed = await errorOf(409, { error: 'Append condition failed', details: 'why', conflictingPositions: [4], afterPosition: 3 })
    assert(sdk.isNacreError(failed) && failed.status === 409)
    const limited = await errorOf(429, { error: 'RATE_LIMITED', message: 'm', details: { retryAfter: 7 } })
    assert(sdk.isRateLimitError(limited) && limited.retryAfter === 7)
    assert.equal(sdk.DeltaBaseErrorTypes.VERSION_CONFLICT, 'VERSION_CONFLICT')
    assert.equal(sdk.DeltaBase, NacreClient)
    assert.equal(sdk.DeltaBaseError, sdk.NacreError)
  })

  it('are thrown by assertions', () => {
    sdk.assertNotEmptyString('x')
    sdk.assertPositiveNumber(1)
    assert.equal(sdk.assertUnsignedBigInt('18446744073709551615'), 18446744073709551615n)
    for (const wrong of ['', 1, null]) assert.throws(() => sdk.assertNotEmptyString(wrong), { message: sdk.ValidationErrors.NOT_A_NONEMPTY_STRING })
    for (const wrong of [0, -1, NaN, '1']) assert.throws(() => sdk.assertPositiveNumber(wrong), { message: sdk.ValidationErrors.NOT_A_POSITIVE_NUMBER })
    for (const wrong of ['', '-1', '1.5', 'x']) assert.throws(() => sdk.assertUnsignedBigInt(wrong), { message: sdk.ValidationErrors.NOT_AN_UNSIGNED_BIGINT })
    assert.deepEqual([sdk.isString(''), sdk.isString(1), sdk.isNumber(0), sdk.isNumber(NaN)], [true, false, true, false])
  })
})

describe('options', () => {
  it('are checked, and secrets not told', () => {
    const wrong: sdk.ClientOptions[] = [
      { baseUrl: 'nowhere' }, { baseUrl: 'ftp://host' }, { baseUrl: 'http://u:geheim@host' }, { baseUrl: 'http://host?key=geheim' },
      { apiKey: 'db_geheim', token: 'x' }, { timeoutMs: 0 }, { retries: -1 }, { retries: 1.5 }, { retryDelayMs: -1 },
    ]
    for (const options of wrong) {
      assert.throws(() => new NacreClient(options), error => sdk.isValidationError(error) && !error.message.includes('geheim'))
    }
    assert.throws(() => new NacreClient().getEventStore('../secrets'), sdk.isValidationError)
    assert.throws(() => new NacreClient().getEventBus('A'), sdk.isValidationError)
  })

  it('go with every request', async () => {
    const asked: { url: string; headers: Record<string, string> }[] = []
    const fetch: typeof globalThis.fetch = async (input, init) => {
      asked.push({ url: String(input), headers: init?.headers as Record<string, string> })
      assert.equal(init?.redirect, 'manual')
      return new Response('{"eventStores":[]}')
    }
    await new NacreClient({ fetch, apiKey: 'db_1', baseUrl: 'https://host/api/', headers: { 'X-Request-Id': 'r' } }).getManagement().listEventStores({ limit: 1 })
    let made = 0
    const tokens = new NacreClient({ fetch, token: async () => `t${++made}` }).getManagement()
    await tokens.listEventStores()
    await tokens.listEventStores()
    assert.equal(asked[0]?.url, 'https://host/api/event-stores?limit=1')
    assert.deepEqual([asked[0]?.headers['X-API-Key'], asked[0]?.headers['Authorization'], asked[0]?.headers['X-Request-Id']], ['db_1', undefined, 'r'])
    assert.deepEqual(asked.slice(1).map(one => one.headers['Authorization']), ['Bearer t1', 'Bearer t2'])
  })
})

describe('the management of event stores', () => {
  let server: TestServer
  before(async () => {
    server = await TestServer.start()
  })
  after(() => server.stop())

  it('makes, lists, changes and deletes them', async () => {
    const management = server.client({ baseUrl: `${server.url}/api` }).getManagement()
    const made = await management.createEventStore({ name: 'orders', description: 'what was', settings: { retentionPeriodDays: 9 } })
    assert.deepEqual([made.name, made.eventStoreName, made.description, made.settings?.retentionPeriodDays], ['orders', 'orders', 'what was', 9])
    await assert.rejects(management.createEventStore({ name: 'orders' }), error =>
      sdk.isEventStoreAlreadyExistsError(error) && error.name === 'orders' && error.status === 409)
    await assert.rejects(management.createEventStore({ name: 'A' }), sdk.isValidationError)
    const { eventStores, totalCount } = await management.listEventStores({ filter: 'ord' })
    assert.deepEqual([eventStores.map(store => store.name), totalCount], [['orders'], 1])
    assert.equal((await management.updateEventStoreSettings('orders', { description: 'what is' })).description, 'what is')
    await server.client().getEventStore('orders').appendToStream('s', [{ type: 't', data: 1 }])
    assert.equal((await management.getEventStore('orders')).statistics?.totalEvents, 1)
    await assert.rejects(management.deleteEventStore('orders'), { errorType: 'CONFIRMATION_REQUIRED' })
    assert.equal((await management.deleteEventStore('orders', { confirm: true })).success, true)
    await assert.rejects(management.getEventStore('orders'), sdk.isEventStoreNotFoundError)
  })

  it('wants a key where there are keys, and what the key allows', async () => {
    const locked = await TestServer.start()
    try {
      const key = locked.makeKey('read:events')
      await locked.restart()
      await assert.rejects(locked.client().getEventStore('default').readStream('s'), sdk.isAuthenticationError)
      await assert.rejects(locked.client({ apiKey: 'db_wrong' }).getEventStore('default').readStream('s'), sdk.isAuthenticationError)
      const store = locked.client({ apiKey: key }).getEventStore('default')
      assert.equal((await store.readStream('s')).length, 0)
      await assert.rejects(store.appendToStream('s', [{ type: 't', data: 1 }]), sdk.isAuthorizationError)
    } finally {
      await locked.stop()
    }
  })
})
