import { invalid } from '../errors/assertions.js'

/** How to reach a server. */
export interface ClientOptions {
  /** The server's address, with or without `/api` behind it. Default `http://127.0.0.1:4321`. */
  baseUrl?: string
  /** An API key, `db_…`, sent as `X-API-Key`. Default: none, for a server that is open to everybody. */
  apiKey?: string
  /** A JWT, sent as `Authorization: Bearer`; a function is asked before every attempt at a request. Give it or `apiKey`. */
  token?: string | (() => string | Promise<string>)
  /** Milliseconds that one attempt at a request may take; Infinity is for ever. Default 30,000. */
  timeoutMs?: number
  /** How often a request is repeated that failed in a way that may pass. Default 6; 0 is none. */
  retries?: number
  /** Milliseconds that the first wait between two attempts takes at most; they grow up to 5,000. Default 100. */
  retryDelayMs?: number
  /** Headers of every request. */
  headers?: Record<string, string>
  /** Sends the requests. Default: the platform's `fetch`. */
  fetch?: typeof fetch
}

export interface Settings {
  readonly baseUrl: string
  readonly apiKey: string | undefined
  readonly token: string | (() => string | Promise<string>) | undefined
  readonly timeoutMs: number
  readonly retries: number
  readonly retryDelayMs: number
  readonly headers: Record<string, string>
  readonly fetch: typeof fetch
}

export function settingsOf(options: ClientOptions): Settings {
  const settings: Settings = {
    baseUrl: baseOf(options.baseUrl ?? 'http://127.0.0.1:4321'),
    apiKey: options.apiKey === '' ? undefined : options.apiKey,
    token: options.token,
    timeoutMs: options.timeoutMs ?? 30_000,
    retries: options.retries ?? 6,
    retryDelayMs: options.retryDelayMs ?? 100,
    headers: { ...options.headers },
    // Browsers refuse to call fetch as a method of another object than the window.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  }
  if (settings.apiKey !== undefined && settings.token !== undefined) throw invalid('give apiKey or token, not both', 'apiKey')
  if (!(settings.timeoutMs >= 1)) throw invalid(`timeoutMs is ${settings.timeoutMs}: give 1 at least`, 'timeoutMs')
  if (!Number.isInteger(settings.retries) || settings.retries < 0) {
    throw invalid(`retries is ${settings.retries}: give a whole number from 0`, 'retries')
  }
  if (!(settings.retryDelayMs >= 0)) throw invalid(`retryDelayMs is ${settings.retryDelayMs}: give 0 at least`, 'retryDelayMs')
  return settings
}

function baseOf(text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // The text is not repeated, since it may have a password.
    throw invalid('baseUrl cannot be read: give one such as http://127.0.0.1:4321', 'baseUrl')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid('baseUrl must begin with http:// or https://', 'baseUrl')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw invalid('baseUrl has a user, parameters or a fragment: give an address without, and the key as apiKey', 'baseUrl')
  }
  return url.origin + url.pathname.replace(/\/+$/, '')
}
