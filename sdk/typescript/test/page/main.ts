// What the page does that browser.test.ts opens. It tells that test what came of it.
import { isStreamVersionConflictError, NacreClient, Webhook } from '@nacredb/client'

const client = new NacreClient({ baseUrl: location.origin, retryDelayMs: 5 })
const store = client.getEventStore('default')
const told: Record<string, unknown> = {}

try {
  const count = 20
  const seen: number[] = []
  const following = (async () => {
    for await (const event of client.getEventBus('default').subscribe('n')) {
      seen.push(event.data)
      if (seen.length === count) return
    }
  })()
  for (let n = 0; n < count; n++) await store.appendToStream('numbers', [{ type: 'n', data: n }], { expectedStreamVersion: n - 1 })
  await following
  told['seen'] = seen
  told['read'] = (await store.readStream('numbers')).currentStreamVersion
  try {
    await store.appendToStream('numbers', [{ type: 'n', data: 0 }], { expectedStreamVersion: 'no_stream' })
  } catch (error) {
    told['conflict'] = isStreamVersionConflictError(error) && error.currentVersion
  }
  const webhook = new Webhook('whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD')
  const now = new Date()
  const headers = {
    'webhook-id': 'm', 'webhook-timestamp': String(Math.floor(now.getTime() / 1000)), 'webhook-signature': await webhook.sign('m', now, '{}'),
  }
  told['webhook'] = (await webhook.verify('{}', headers)).id
} catch (error) {
  told['error'] = String(error)
}
await fetch('/told', { method: 'POST', body: JSON.stringify(told) })
