import { invalid } from '../errors/assertions.js'
import { errorFromReply, type Subject } from '../errors/from-reply.js'
import { NacreError } from '../errors/base.js'
import { SerializationError, TimeoutError } from '../errors/classes.js'
import { ErrorTypes } from '../errors/types.js'
import { broken, Failure, refused } from './failure.js'
import type { Settings } from './options.js'
import { backOffMs, later, linked, sleep, unlessAborted } from './waiting.js'

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
  /** How often it is repeated at most. Default: as the client's settings say. */
  retries?: number
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
    const { retries = this.settings.retries } = request
    let doubtful = false
    for (let attempt = 0; ; attempt++) {
      try {
        return { body: await this.exchange(request, body), doubtful }
      } catch (thrown) {
        const failure = thrown instanceof Failure ? thrown : new Failure(thrown, false, false)
        doubtful ||= failure.unknown
        failure.unknown = doubtful
        failure.attempts = attempt + 1
        const goOn = failure.again && (repeatable || !doubtful) && attempt < retries && failure.waitMs <= longestAskedMs
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
    const inTime = later(limit, () => controller.abort(late))
    try {
      const response = await this.attempt(request, body, controller.signal)
      const text = await unlessAborted(response.text(), controller.signal)
      return response.status === 204 || text === '' ? undefined : this.decode(text, response.status)
    } catch (thrown) {
      const failure = thrown instanceof Failure ? thrown : broken(thrown, this.settings.baseUrl)
      const { aborted, reason } = controller.signal
      throw aborted ? new Failure(reason, reason === late, failure.unknown) : failure
    } finally {
      inTime()
      unlink()
    }
  }

  private async attempt(request: Request, body: string | undefined, signal: AbortSignal): Promise<Response> {
    const headers = await this.headersOf(request, body, signal)
    let response: Response
    try {
      response = await unlessAborted(this.settings.fetch(this.settings.baseUrl + request.path + search(request.query), {
        method: request.method, headers, signal,
        // A redirect would carry the key to wherever it points.
        redirect: 'manual', cache: 'no-store',
        ...(body === undefined ? {} : { body }),
      }), signal) // there are some that do not look at it
    } catch (cause) {
      throw broken(cause, this.settings.baseUrl)
    }
    if (response.ok) return response
    throw await this.refusal(request, response)
  }

  // What fails here has sent nothing.
  private async headersOf(request: Request, body: string | undefined, signal: AbortSignal): Promise<Record<string, string>> {
    const headers: Record<string, string> = { Accept: 'application/json', ...this.settings.headers, ...request.headers }
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const { apiKey, token } = this.settings
    if (apiKey !== undefined) headers['X-API-Key'] = apiKey
    else if (typeof token === 'string') headers['Authorization'] = `Bearer ${token}`
    else if (token !== undefined) {
      try {
        headers['Authorization'] = `Bearer ${await unlessAborted(Promise.resolve(token()), signal)}`
      } catch (error) {
        // Whoever gives tokens may be back soon.
        throw new Failure(error, true, false)
      }
    }
    for (const [name, value] of Object.entries(headers)) {
      try {
        new Headers([[name, value]])
      } catch {
        // The value is not repeated, since it may be a secret.
        throw new Failure(invalid(`the header ${JSON.stringify(name)} has characters that a header cannot have`, name), false, false)
      }
    }
    return headers
  }

  private async refusal(request: Request, response: Response): Promise<Failure> {
    const { status } = response
    if (status < 400) {
      void response.body?.cancel().catch(() => {}) // or the connection would wait for somebody to read it
      const error = new NacreError(
        `${this.settings.baseUrl} answers with a redirect: give the address that it points to`,
        { status, errorType: ErrorTypes.INTERNAL },
      )
      return new Failure(error, false, false)
    }
    let body: unknown
    try {
      body = await response.text()
    } catch (cause) {
      const { error } = broken(cause, this.settings.baseUrl)
      return new Failure(error, true, status >= 500)
    }
    try {
      body = JSON.parse(body as string)
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

/** Writes a path, each part escaped: path`/event-stores/${name}`. A part that would lead elsewhere is refused. */
export function path(strings: TemplateStringsArray, ...parts: string[]): string {
  return strings.reduce((whole, string, i) => whole + escaped(parts[i - 1]) + string)
}

// Platforms resolve "." and ".." in addresses, also where they are escaped, and "" asks for what stands above.
function escaped(part: string | undefined): string {
  if (typeof part !== 'string' || part === '' || part === '.' || part === '..') {
    throw invalid(`${JSON.stringify(part)} cannot stand in an address: give another name or id`)
  }
  try {
    return encodeURIComponent(part)
  } catch {
    throw invalid(`${JSON.stringify(part)} is no text: it has half of a character`)
  }
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
