import { errorFromReply, type Subject } from '../errors/from-reply.js'
import { NacreError } from '../errors/base.js'
import { SerializationError, TimeoutError } from '../errors/classes.js'
import { ErrorTypes } from '../errors/types.js'
import { broken, Failure, refused } from './failure.js'
import type { Settings } from './options.js'
import { backOffMs, linked, sleep } from './waiting.js'

export type QueryValue = string | number | boolean | Date | readonly (string | number)[] | undefined | null

export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Behind the base address; see {@link path}. */
  path: string
  query?: Record<string, QueryValue>
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** What it is about, for errors. */
  subject?: Subject
  /** Milliseconds that one attempt may take beyond the client's own time-out, where the server is asked to wait. */
  extraMs?: number
  /** To do it twice does no harm, so that it is repeated also where it may have been done. Default: true, except for POST. */
  repeatable?: boolean
}

/** An answer, and whether an attempt before it may have done what was asked. */
export interface Answer {
  body: unknown
  doubtful: boolean
}

// A longer wait than a minute is the caller's to decide on.
const longestAskedMs = 60_000

/** Sends requests, and repeats those that failed in a way that may pass. */
export class Transport {
  constructor(readonly settings: Settings) {}

  /** Sends a request and gives the body of the answer. */
  async json<T>(request: Request): Promise<T> {
    try {
      return (await this.send(request)).body as T
    } catch (failure) {
      throw failure instanceof Failure ? failure.error : failure
    }
  }

  /** Sends a request. What it throws is a {@link Failure}. */
  async send(request: Request): Promise<Answer> {
    const body = encode(request.body)
    const repeatable = request.repeatable ?? request.method !== 'POST'
    let doubtful = false
    for (let attempt = 0; ; attempt++) {
      try {
        return { body: await this.exchange(request, body), doubtful }
      } catch (thrown) {
        const failure = thrown instanceof Failure ? thrown : new Failure(thrown, false, false)
        doubtful ||= failure.unknown
        failure.unknown = doubtful
        failure.attempts = attempt + 1
        const goOn = failure.again && (repeatable || !doubtful) && attempt < this.settings.retries && failure.waitMs <= longestAskedMs
        if (!goOn) throw failure
        try {
          await sleep(failure.waitMs + backOffMs(attempt, this.settings.retryDelayMs), request.signal)
        } catch (reason) {
          const ended = new Failure(reason, false, doubtful)
          ended.attempts = attempt + 1
          throw ended
        }
      }
    }
  }

  /** Makes one attempt, and gives the answer before its body is read. What it throws is a {@link Failure}. */
  async open(request: Request, signal: AbortSignal): Promise<Response> {
    return this.attempt(request, encode(request.body), signal)
  }

  private async exchange(request: Request, body: string | undefined): Promise<unknown> {
    if (request.signal?.aborted) throw new Failure(request.signal.reason, false, false)
    const limit = this.settings.timeoutMs + (request.extraMs ?? 0)
    const { controller, unlink } = linked(request.signal)
    const late = new TimeoutError(
      `${this.settings.baseUrl} did not answer within ${limit} ms`, { status: 504, errorType: ErrorTypes.DEADLINE_EXCEEDED },
    )
    const timer = setTimeout(() => controller.abort(late), limit)
    try {
      const response = await this.attempt(request, body, controller.signal)
      const text = await response.text()
      return response.status === 204 || text === '' ? undefined : this.decode(text, response.status)
    } catch (thrown) {
      if (request.signal?.aborted) throw new Failure(request.signal.reason, false, true)
      if (controller.signal.aborted) throw new Failure(late, true, true)
      throw thrown instanceof Failure ? thrown : broken(thrown, this.settings.baseUrl)
    } finally {
      clearTimeout(timer)
      unlink()
    }
  }

  private async attempt(request: Request, body: string | undefined, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json', ...this.settings.headers, ...request.headers }
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const { apiKey, token } = this.settings
    if (apiKey !== undefined) headers['X-API-Key'] = apiKey
    else if (token !== undefined) headers['Authorization'] = `Bearer ${typeof token === 'string' ? token : await token()}`

    let response: Response
    try {
      response = await this.settings.fetch(this.settings.baseUrl + request.path + search(request.query), {
        method: request.method, headers, signal,
        // A redirect would carry the key to wherever it points.
        redirect: 'manual', cache: 'no-store',
        ...(body === undefined ? {} : { body }),
      })
    } catch (cause) {
      throw broken(cause, this.settings.baseUrl)
    }
    if (response.ok) return response
    throw await this.refusal(request, response)
  }

  private async refusal(request: Request, response: Response): Promise<Failure> {
    const { status } = response
    if (status < 400) {
      const error = new NacreError(
        `${this.settings.baseUrl} answers with a redirect: give the address that it points to`,
        { status, errorType: ErrorTypes.INTERNAL },
      )
      return new Failure(error, false, false)
    }
    let body: unknown
    try {
      const text = await response.text()
      body = text
      body = JSON.parse(text)
    } catch {
      // It is not of this server; the status says enough.
    }
    const error = errorFromReply(status, body, request.subject)
    const told = retryAfterMs(response.headers) || 1000 * Number((error as { retryAfter?: number }).retryAfter ?? 0)
    return refused(error, told)
  }

  private decode(text: string, status: number): unknown {
    try {
      return JSON.parse(text)
    } catch (cause) {
      const error = new SerializationError(
        `the answer of ${this.settings.baseUrl} is no JSON: it may be no server of nacre`,
        { status, errorType: ErrorTypes.SERIALIZATION, body: text.slice(0, 1000), cause },
      )
      throw new Failure(error, false, true)
    }
  }
}

/** Writes a path, each part escaped: path`/event-stores/${name}`. */
export function path(strings: TemplateStringsArray, ...parts: string[]): string {
  return strings.reduce((whole, string, i) => whole + encodeURIComponent(parts[i - 1] ?? '') + string)
}

function search(query: Record<string, QueryValue> | undefined): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue
    for (const one of Array.isArray(value) ? value : [value]) {
      params.append(name, one instanceof Date ? one.toISOString() : String(one))
    }
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

function encode(body: unknown): string | undefined {
  try {
    return body === undefined ? undefined : JSON.stringify(body)
  } catch (cause) {
    const error = new SerializationError(
      `what was given cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { status: 400, errorType: ErrorTypes.SERIALIZATION, cause },
    )
    throw new Failure(error, false, false)
  }
}

function retryAfterMs(headers: Headers): number {
  const text = headers.get('Retry-After')
  if (text === null) return 0
  if (/^[0-9]+$/.test(text)) return 1000 * Number(text)
  const until = Date.parse(text)
  const now = Date.parse(headers.get('Date') ?? '')
  return Number.isNaN(until) || Number.isNaN(now) ? 0 : Math.max(0, until - now)
}
