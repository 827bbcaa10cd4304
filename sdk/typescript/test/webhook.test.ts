import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, it } from 'node:test'
import { Webhook as Standard } from 'standardwebhooks'
import { isValidationError, isWebhookVerificationError, verifyWebhook, Webhook } from '@nacredb/client'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
const other = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = JSON.stringify({ event: { type: 'user.registered', data: { name: 'Jöhn' } }, eventStoreName: 'shop', subscriptionId: 'w' })
const now = 1_770_000_000_000

const at = (seconds: number) => new Date(now + 1000 * seconds)

async function headersOf(signer: Webhook, id: string, time: Date, text = body): Promise<Record<string, string>> {
  return {
    'webhook-id': id, 'webhook-timestamp': String(Math.floor(time.getTime() / 1000)),
    'webhook-signature': await signer.sign(id, time, text),
  }
}

const refuses = (status: number, text: RegExp) => (error: unknown) =>
  isWebhookVerificationError(error) && error.status === status && text.test(error.message)

describe('webhooks', () => {
  const webhook = new Webhook(secret, { now: () => now })

  it('takes what is signed', async () => {
    const verified = await webhook.verify(body, await headersOf(webhook, 'msg_1', at(0)))
    assert.equal(verified.id, 'msg_1')
    assert.equal(verified.timestamp.getTime(), now)
    assert.equal(verified.events[0]?.data.name, 'Jöhn')
    assert.equal(verified.payload.subscriptionId, 'w')
    const bytes = new TextEncoder().encode(body)
    await webhook.verify(bytes, new Headers(await headersOf(webhook, 'msg_1', at(0))))
    const shouted = Object.fromEntries(Object.entries(await headersOf(webhook, 'm', at(0))).map(([name, value]) => [name.toUpperCase(), [value]]))
    await webhook.verify(body, shouted)
  })

  it('agrees with the library of the standard', async () => {
    const standard = new Standard(secret)
    const time = new Date()
    assert.equal(await new Webhook(secret).sign('msg_1', time, body), standard.sign('msg_1', time, body))
    const headers = await headersOf(new Webhook(secret), 'msg_1', time)
    assert.deepEqual(standard.verify(body, headers), JSON.parse(body))
    headers['webhook-signature'] = standard.sign('msg_2', time, body)
    headers['webhook-id'] = 'msg_2'
    assert.equal((await verifyWebhook(body, headers, secret)).id, 'msg_2')
  })

  it('refuses what was changed', async () => {
    const headers = await headersOf(webhook, 'msg_1', at(0))
    await assert.rejects(webhook.verify(body.replace('w', 'x'), headers), refuses(401, /signature/))
    await assert.rejects(webhook.verify(body, { ...headers, 'webhook-id': 'msg_2' }), refuses(401, /signature/))
    await assert.rejects(webhook.verify(body, { ...headers, 'webhook-timestamp': String(now / 1000 - 1) }), refuses(401, /signature/))
    const signature = headers['webhook-signature'] ?? ''
    for (const wrong of [signature.replace('v1,', 'v2,'), signature.replace('v1,', ''), 'v1,', 'v1,####', 'v1', signature.slice(0, -4), `${signature}AAAA`]) {
      await assert.rejects(webhook.verify(body, { ...headers, 'webhook-signature': wrong }), refuses(401, /signature/), wrong)
    }
    await assert.rejects(new Webhook(other, { now: () => now }).verify(body, headers), refuses(401, /signature/))
  })

  it('gives the events of a batch, and takes a body that is none of its own', async () => {
    const event = JSON.parse(body).event
    const texts: [string, number][] = [[body, 1], [JSON.stringify({ events: [event, event] }), 2], ['{"specversion":"1.0"}', 0], ['null', 0]]
    for (const [text, count] of texts) {
      const { events } = await webhook.verify(text, await headersOf(webhook, 'm', at(0), text))
      assert.deepEqual(events, Array(count).fill(event))
    }
    const bytes = '\u0000 no JSON'
    const { id, timestamp } = await webhook.verifySignature(bytes, await headersOf(webhook, 'm', at(0), bytes))
    assert.deepEqual([id, timestamp.getTime()], ['m', now])
    await assert.rejects(webhook.verifySignature(bytes + ' ', await headersOf(webhook, 'm', at(0), bytes)), refuses(401, /signature/))
  })

  it("takes headers of any library's", async () => {
    class Others {
      constructor(private readonly members: Record<string, string>) {}
      get(name: string): string | null { return this.members[name.toLowerCase()] ?? null }
    }
    assert.equal((await webhook.verify(body, new Others(await headersOf(webhook, 'm', at(0))))).id, 'm')
    await assert.rejects(webhook.verify(body, new Others({})), refuses(400, /webhook-timestamp|webhook-id/))
  })

  it('takes any of several signatures and secrets', async () => {
    const mine = await headersOf(webhook, 'm', at(0))
    const theirs = await headersOf(new Webhook(other), 'm', at(0))
    const both = `v1a,abc v1,AAAA ${theirs['webhook-signature']} ${mine['webhook-signature']}`
    await webhook.verify(body, { ...mine, 'webhook-signature': both })
    const rotating = new Webhook([secret, other], { now: () => now })
    await rotating.verify(body, mine)
    await rotating.verify(body, theirs)
  })

  it('refuses what is older or newer than five minutes', async () => {
    for (const seconds of [-300, 300, 0]) await webhook.verify(body, await headersOf(webhook, 'm', at(seconds)))
    await assert.rejects(webhook.verify(body, await headersOf(webhook, 'm', at(-301))), refuses(401, /301 seconds old/))
    await assert.rejects(webhook.verify(body, await headersOf(webhook, 'm', at(301))), refuses(401, /ahead/))
    await new Webhook(secret, { now: () => now, toleranceSeconds: 3600 }).verify(body, await headersOf(webhook, 'm', at(-3600)))
  })

  it('says what is missing', async () => {
    const headers = await headersOf(webhook, 'm', at(0))
    for (const name of Object.keys(headers)) {
      await assert.rejects(webhook.verify(body, { ...headers, [name]: undefined }), refuses(400, new RegExp(name)))
      await assert.rejects(webhook.verify(body, { ...headers, [name]: '' }), refuses(400, new RegExp(name)))
    }
    for (const wrong of ['soon', '-1', '1e9', '1770000000.5', '9'.repeat(13)]) {
      await assert.rejects(webhook.verify(body, { ...headers, 'webhook-timestamp': wrong }), refuses(400, /no time/))
    }
    const text = 'no JSON'
    await assert.rejects(webhook.verify(text, await headersOf(webhook, 'm', at(0), text)), refuses(400, /no JSON/))
  })

  it('takes no secret that is none, and does not tell it', () => {
    for (const wrong of ['', 'whsec_', 'C2FVsBQIhrscChlQIMV+b5sSYspob7oD', 'whsec_C2FV****']) {
      assert.throws(() => new Webhook(wrong), error => isValidationError(error) && !error.message.includes('C2FV'))
    }
    assert.throws(() => new Webhook([]), isValidationError)
  })

  it('receives requests of Node and of the Fetch API', async () => {
    const receiver = new Webhook(secret)
    const server = createServer(async (request, response) => {
      const pieces: Buffer[] = []
      for await (const piece of request) pieces.push(piece as Buffer)
      try {
        await receiver.verify(Buffer.concat(pieces), request.headers)
        response.statusCode = 204
      } catch (error) {
        response.statusCode = isWebhookVerificationError(error) ? error.status : 500
      }
      response.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const headers = await headersOf(receiver, 'm', new Date())
      assert.equal((await fetch(url, { method: 'POST', body, headers })).status, 204)
      assert.equal((await fetch(url, { method: 'POST', body: `${body} `, headers })).status, 401)
      assert.equal((await fetch(url, { method: 'POST', body })).status, 400)
      const request = new Request(url, { method: 'POST', body, headers })
      assert.equal((await receiver.verifyRequest(request)).payload.eventStoreName, 'shop')
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
