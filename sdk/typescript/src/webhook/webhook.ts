import { invalid } from '../errors/assertions.js'
import { WebhookVerificationError } from '../errors/classes.js'
import { ErrorTypes } from '../errors/types.js'
import type { AnyEvent, ReadEvent } from '../events/types.js'
import { decodeBase64, encodeBase64 } from './base64.js'

/** What a delivery carries. */
export interface WebhookPayload<E extends AnyEvent = AnyEvent> {
  /** Of a delivery of one event. */
  event?: ReadEvent<E>
  /** In the place of `event`, where several are sent at once. */
  events?: ReadEvent<E>[]
  eventStoreName: string
  eventStoreId: string
  subscriptionId: string
}

/** Headers as a platform has them: of the Fetch API, or of Node's requests. */
export type HeadersLike = { get(name: string): string | null } | Record<string, string | readonly string[] | undefined>

export interface WebhookOptions {
  /** Seconds by which a delivery's time may differ from the clock here. Default 300. */
  toleranceSeconds?: number
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** A delivery that was verified. */
export interface VerifiedWebhook<E extends AnyEvent = AnyEvent> {
  /** The same at each attempt, as long as one event is sent at a time. An event's own key is `streamId` and `eventId`. */
  id: string
  /** When this attempt was made. */
  timestamp: Date
  /** One event, or those of a batch in their order; none of a CloudEvent, which is the payload. */
  events: readonly ReadEvent<E>[]
  payload: WebhookPayload<E>
}

/** What was verified of a delivery whose body is anything. */
export type VerifiedSignature = Pick<VerifiedWebhook, 'id' | 'timestamp'>

/**
 * Verifies that webhooks are what the server signed, as https://www.standardwebhooks.com says: by
 * `webhook-signature`, an HMAC with SHA-256 of id, time and body. Several secrets are taken while one replaces another.
 * It needs nothing but WebCrypto, so it runs in Node, browsers and workers.
 */
export class Webhook {
  private readonly keys: readonly Promise<CryptoKey>[]
  private readonly toleranceSeconds: number
  private readonly now: () => number

  /** Secrets are `whsec_` and base64. */
  constructor(secrets: string | readonly string[], options: WebhookOptions = {}) {
    const list = typeof secrets === 'string' ? [secrets] : secrets
    if (list.length === 0) throw invalid('give one secret at least', 'secrets')
    this.keys = list.map(decodeSecret).map(async bytes =>
      crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']))
    for (const key of this.keys) key.catch(() => {}) // whoever verifies is told
    this.toleranceSeconds = options.toleranceSeconds ?? 300
    this.now = options.now ?? Date.now
  }

  /** Verifies a delivery. `body` is what arrived, byte for byte: what was parsed and written again is another one. */
  async verify<E extends AnyEvent = AnyEvent>(body: string | Uint8Array, headers: HeadersLike): Promise<VerifiedWebhook<E>> {
    const verified = await this.verifySignature(body, headers)
    let payload: Partial<WebhookPayload<E>> | null
    try {
      payload = JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body))
    } catch (cause) {
      throw refused(400, 'the body of the webhook is no JSON', cause)
    }
    const events = payload?.events ?? (payload?.event === undefined ? [] : [payload.event])
    return { ...verified, events, payload: payload as WebhookPayload<E> }
  }

  /** Verifies a delivery whose body may be anything, such as the data of a binary CloudEvent. */
  async verifySignature(body: string | Uint8Array, headers: HeadersLike): Promise<VerifiedSignature> {
    const id = header(headers, 'webhook-id')
    const time = header(headers, 'webhook-timestamp')
    const signatures = header(headers, 'webhook-signature')
    if (!/^[0-9]{1,12}$/.test(time)) throw refused(400, 'webhook-timestamp is no time')
    const seconds = Number(time)
    const late = Math.floor(this.now() / 1000) - seconds
    if (late > this.toleranceSeconds) throw refused(401, `the webhook is ${late} seconds old: ${this.toleranceSeconds} are taken`)
    if (-late > this.toleranceSeconds) throw refused(401, `the webhook is of ${-late} seconds ahead: set the clocks`)
    if (!(await this.isSigned(signed(id, time, body), signatures))) throw refused(401, 'no signature of the webhook is right')
    return { id, timestamp: new Date(1000 * seconds) }
  }

  /** Verifies a request of the Fetch API, whose body is read. */
  async verifyRequest<E extends AnyEvent = AnyEvent>(request: Request): Promise<VerifiedWebhook<E>> {
    return this.verify<E>(new Uint8Array(await request.arrayBuffer()), request.headers)
  }

  /** Signs with the first secret, as a server does: for tests of receivers. */
  async sign(id: string, timestamp: Date, body: string | Uint8Array): Promise<string> {
    const key = (await this.keys[0]) as CryptoKey
    const time = String(Math.floor(timestamp.getTime() / 1000))
    const signature = await crypto.subtle.sign('HMAC', key, signed(id, time, body))
    return `v1,${encodeBase64(new Uint8Array(signature))}`
  }

  private async isSigned(content: Uint8Array<ArrayBuffer>, signatures: string): Promise<boolean> {
    const keys = await Promise.all(this.keys)
    let right = false
    for (const part of signatures.split(' ')) {
      const [version, text = ''] = part.split(',', 2)
      const signature = version === 'v1' ? decodeBase64(text) : undefined
      if (signature === undefined) continue
      for (const key of keys) {
        // The platform compares in constant time; every key is tried, so that time does not tell which one it was.
        if (await crypto.subtle.verify('HMAC', key, signature, content)) right = true
      }
    }
    return right
  }
}

/** Verifies one webhook: see {@link Webhook}. */
export async function verifyWebhook<E extends AnyEvent = AnyEvent>(
  body: string | Uint8Array, headers: HeadersLike, secrets: string | readonly string[], options?: WebhookOptions,
): Promise<VerifiedWebhook<E>> {
  return new Webhook(secrets, options).verify<E>(body, headers)
}

function decodeSecret(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = secret.startsWith('whsec_') ? decodeBase64(secret.slice('whsec_'.length)) : undefined
  // The secret is in no error's text.
  if (bytes === undefined || bytes.length === 0) throw invalid('a secret is "whsec_" and base64', 'secrets')
  return bytes
}

function signed(id: string, time: string, body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  const head = encoder.encode(`${id}.${time}.`)
  const rest = typeof body === 'string' ? encoder.encode(body) : body
  const whole = new Uint8Array(head.length + rest.length)
  whole.set(head)
  whole.set(rest, head.length)
  return whole
}

function header(headers: HeadersLike, name: string): string {
  let value: string | readonly string[] | undefined | null
  // Any library's, so that it is not asked of what class they are.
  if (isFetchHeaders(headers)) value = headers.get(name)
  else value = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
  const text = Array.isArray(value) ? value.join(' ') : value
  if (typeof text !== 'string' || text === '') throw refused(400, `the header ${name} is missing: it is no signed webhook`)
  return text
}

function isFetchHeaders(headers: HeadersLike): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function'
}

function refused(status: 400 | 401, message: string, cause?: unknown): WebhookVerificationError {
  return new WebhookVerificationError(message, { status, errorType: ErrorTypes.WEBHOOK_VERIFICATION, cause })
}
