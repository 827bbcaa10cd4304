import { invalid } from '../errors/assertions.js'
import { isNacreError } from '../errors/guards.js'
import { ErrorTypes } from '../errors/types.js'
import type { AnyEvent, ReadEvent } from '../events/types.js'
import { backOffMs, later, sleep } from '../http/waiting.js'
import type { RequestOptions } from '../store/contract.js'
import type { Answer, PollOptions } from './consumer-group.js'
import { Lines } from './lines.js'
import type { Delivery, Nack, NackDecision } from './types.js'

export interface HandlerContext<E extends AnyEvent = AnyEvent> {
  delivery: Delivery<E>
  /** Counts from 1. */
  attempt: number
  /** Aborted when the run has been told to end and `drainMs` are over: a handler that still runs should stop, and throw. */
  signal: AbortSignal
}

/** Works an event off. What it returns is acknowledged, unless it is a decision: an object with an `action`. */
export type Handler<E extends AnyEvent = AnyEvent> = (
  event: ReadEvent<E>, context: HandlerContext<E>,
) => void | NackDecision | Promise<void | NackDecision>

export interface RunOptions<E extends AnyEvent = AnyEvent> {
  /** How many events are handled at once, each of another stream; 1,000 at most. Default 1. */
  concurrency?: number
  /**
   * How many events are held at most: handled, waiting for it, or not answered for yet. All of them should be worked off
   * within the group's deadline. Default: what takes about a tenth of a second by the handler's latest times, but not less
   * than the concurrency nor more than 16 times as many. At most 1,000.
   */
  max?: number
  /** One event is handled at a time, whichever its stream, in the order of the log: for groups whose order is `global`. Default false. */
  global?: boolean
  /** Milliseconds that a request for events waits at the server, 60,000 at most. Default 20,000. */
  waitMs?: number
  /** Ends the run, gracefully. */
  signal?: AbortSignal
  /** Milliseconds that handlers may go on when the run is told to end, before their signal is aborted. Default 30,000. */
  drainMs?: number
  /** Decides about an event whose handler failed; it gives the reason if you do not. Default: again after 1 s, doubled at each attempt up to 60 s. */
  onError?: (error: unknown, delivery: Delivery<E>) => NackDecision
  /** Told of requests that failed and are made again, and of a group that is paused. */
  onRetry?: (error: unknown) => void
}

interface Source<E extends AnyEvent> {
  poll(options: PollOptions): Promise<Delivery<E>[]>
  ack(answer: Answer, options: RequestOptions): Promise<unknown>
  leave(options: RequestOptions): Promise<void>
}

// What a server takes.
const answersAtOnce = 1000
const mostHeld = 1000
const longestReason = 900
// Without a word of the program's, so much work is held, but for each that is handled at once no more than so many events.
const usualWorkMs = 100
const manyfold = 16
// How long the last answers may take, and then the word that this consumer leaves.
const partingMs = 5_000

/** One run of a consumer. */
export class GroupRunner<E extends AnyEvent> {
  private readonly concurrency: number
  /** Ends the asking. */
  private readonly stop = new AbortController()
  /** Ends the handlers. */
  private readonly cut = new AbortController()
  /** Ends the last answers. */
  private readonly parting = new AbortController()
  private readonly lines: Lines<E>
  private working = 0
  private asked = false
  /** Milliseconds that handlers took lately. */
  private pace: number | undefined
  private answers: (Nack | string)[] = []
  private answering: Promise<void> | undefined
  private drained = false
  private failed: { error: unknown } | undefined
  private waiting: (() => void)[] = []

  constructor(
    private readonly source: Source<E>, private readonly handler: Handler<E>, private readonly options: RunOptions<E>,
    private readonly retryDelayMs: number,
  ) {
    const { concurrency = 1, max = mostHeld, global = false, drainMs = 0 } = options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > mostHeld) throw invalid(`give 1 to ${mostHeld}`, 'concurrency')
    if (!Number.isInteger(max) || max < concurrency || max > mostHeld) throw invalid(`give the concurrency to ${mostHeld}`, 'max')
    if (!(drainMs >= 0)) throw invalid('give 0 at least', 'drainMs')
    this.concurrency = global ? 1 : concurrency
    this.lines = new Lines(global)
  }

  async run(): Promise<void> {
    const { signal, drainMs = 30_000 } = this.options
    const end = (): void => {
      this.stop.abort(signal?.reason)
      this.changed()
    }
    if (signal?.aborted) end()
    else signal?.addEventListener('abort', end, { once: true })
    await this.take()
    signal?.removeEventListener('abort', end)
    const enough = later(drainMs, () => this.cut.abort(this.stop.signal.reason))
    while (this.working > 0) await this.change()
    enough()
    await this.part()
    if (this.failed !== undefined) throw this.failed.error
  }

  /** Asks for events until the end. */
  private async take(): Promise<void> {
    const { signal } = this.stop
    for (let attempt = 0; !signal.aborted; ) {
      const max = this.room()
      if (max === 0) {
        await this.change()
        continue
      }
      this.asked = true
      try {
        const { waitMs = 20_000 } = this.options
        const deliveries = await this.source.poll({ max, waitMs, signal })
        attempt = 0
        this.lines.add(deliveries)
        this.begin()
      } catch (error) {
        if (signal.aborted) return
        if (isFinal(error)) this.fail(error)
        else await this.pause(error, attempt++)
      }
    }
  }

  /** How many events to ask for; 0 where that waits until more are answered for. */
  private room(): number {
    const { held } = this.lines
    const idle = this.concurrency - this.lines.size
    let most = this.options.max
    if (most === undefined) {
      const limit = Math.min(this.concurrency * manyfold, mostHeld)
      const usual = this.pace === undefined ? this.concurrency : Math.floor((this.concurrency * usualWorkMs) / Math.max(this.pace, 0.1))
      most = Math.min(Math.max(usual, this.concurrency), limit)
      // Where many are of one stream, others have nothing to do: they take some more.
      if (idle > 0) most = Math.max(most, Math.min(held + idle, limit))
    }
    // A few at a time cost as much to ask for as many.
    return held >= most || (idle <= 0 && held > most / 2) ? 0 : most - held
  }

  /** Begins as many handlers as there may be. */
  private begin(): void {
    while (this.working < this.concurrency && !this.stop.signal.aborted) {
      const line = this.lines.next()
      if (line === undefined) return
      this.working++
      void this.handle(line)
    }
  }

  private async handle(line: string): Promise<void> {
    const began = performance.now()
    const { event, attempt } = this.lines.current(line)
    let decision: NackDecision | undefined
    let back = false
    try {
      decision = decisionOf(await this.handler(event, { delivery: this.lines.current(line), attempt, signal: this.cut.signal }))
    } catch (error) {
      // One that was cut off says nothing of its event, which goes back as if it had not been tried.
      if (this.cut.signal.aborted) back = true
      else decision = this.decide(error, this.lines.current(line))
    }
    const took = performance.now() - began
    this.pace = this.pace === undefined ? took : this.pace + (took - this.pace) / 8
    this.working--
    // Under another id than before, where it was given again meanwhile.
    const { delivery: { deliveryId }, behind } = this.lines.done(line, decision?.action === 'retry')
    if (!back) this.answer(decision === undefined ? deliveryId : { ...decision, deliveryId })
    else this.lines.held--
    // The group takes these back by itself, but for what came behind a dead letter that is tried again.
    for (const one of behind) {
      this.answer({ deliveryId: one.deliveryId, action: 'retry', afterMs: 0, reason: 'an event before it in its stream is to be given again first' })
    }
    this.begin()
    this.changed()
  }

  private decide(error: unknown, delivery: Delivery<E>): NackDecision {
    const reason = reasonOf(error)
    try {
      const decision = this.options.onError?.(error, delivery)
      if (decision !== undefined) return { reason, ...decisionOf(decision) ?? { action: 'retry' } }
    } catch (thrown) {
      this.fail(thrown)
    }
    return { action: 'retry', afterMs: Math.min(60_000, 1000 * 2 ** Math.min(delivery.attempt - 1, 16)), reason }
  }

  private answer(answer: Nack | string): void {
    this.answers.push(answer)
    this.answering ??= Promise.resolve().then(() => this.send())
  }

  /** Sends answers, one request after the other, each with all that there are. */
  private async send(): Promise<void> {
    for (let attempt = 0; this.answers.length > 0; ) {
      const some = this.answers.splice(0, answersAtOnce)
      const ack = some.filter(one => typeof one === 'string')
      const nack = some.filter(one => typeof one !== 'string')
      try {
        await this.source.ack({ ack, nack }, { signal: this.parting.signal })
        attempt = 0
      } catch (error) {
        if (!isHalted(error) && !isFinal(error) && !this.drained) {
          this.answers.unshift(...some)
          await this.pause(error, attempt++)
          continue
        }
        // Their events come again, to whoever asks.
        if (!isHalted(error)) this.fail(error)
      }
      this.lines.held -= some.length
      this.changed()
    }
    this.answering = undefined
  }

  /** Sends the last answers, and gives back what is still held, which does not count as tried. */
  private async part(): Promise<void> {
    this.drained = true
    const late = later(partingMs, () => this.parting.abort(new Error(`answers could not be sent within ${partingMs} ms`)))
    while (this.answering !== undefined) await this.answering
    late()
    if (!this.asked) return
    const leaving = new AbortController()
    const gone = later(partingMs, () => leaving.abort())
    // What could not be given back comes again at the deadline.
    await this.source.leave({ signal: leaving.signal }).catch(() => {})
    gone()
  }

  private fail(error: unknown): void {
    this.failed ??= { error }
    this.stop.abort()
    this.changed()
  }

  private async pause(error: unknown, attempt: number): Promise<void> {
    try {
      this.options.onRetry?.(error)
    } catch (thrown) {
      this.fail(thrown)
    }
    const { signal } = this.stop
    // Answers are still to be sent when nothing is asked for any more, though not at once again.
    await sleep(backOffMs(attempt, this.retryDelayMs), signal.aborted ? this.parting.signal : signal).catch(() => {})
  }

  private async change(): Promise<void> {
    await new Promise<void>(resolve => this.waiting.push(resolve))
  }

  private changed(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }
}

// What a handler gives back may be anything, such as the row that it wrote: only a decision is one.
function decisionOf(value: unknown): NackDecision | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { action, afterMs, reason } = value as Partial<NackDecision>
  if (action !== 'retry' && action !== 'park' && action !== 'skip') return undefined
  const decision: NackDecision = { action }
  if (typeof afterMs === 'number' && afterMs > 0) decision.afterMs = Math.min(Math.ceil(afterMs), 3_600_000)
  if (typeof reason === 'string') decision.reason = reasonOf(reason)
  return decision
}

function reasonOf(error: unknown): string {
  let text: string
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    text = 'the handler failed'
  }
  // Servers count bytes, of which a character has up to three here.
  const bytes = new TextEncoder().encode(text)
  return bytes.length <= longestReason ? text : new TextDecoder().decode(bytes.subarray(0, longestReason)).replace(/\uFFFD+$/, '') + '…'
}

const finals: readonly string[] = [
  ErrorTypes.SUBSCRIPTION_NOT_FOUND, ErrorTypes.SUBSCRIPTION_WRONG_KIND, ErrorTypes.EVENT_STORE_NOT_FOUND, ErrorTypes.NOT_FOUND,
  ErrorTypes.INVALID_ARGUMENT, ErrorTypes.UNSUPPORTED, ErrorTypes.UNAUTHORIZED, ErrorTypes.FORBIDDEN, ErrorTypes.METHOD_NOT_ALLOWED,
  ErrorTypes.CROSS_ORIGIN, ErrorTypes.SERIALIZATION, ErrorTypes.TOO_LARGE,
]

// What asking again does not mend.
function isFinal(error: unknown): boolean {
  return isNacreError(error) && finals.includes(error.errorType)
}

// A group that is paused gives nothing and takes nothing, until it is resumed.
function isHalted(error: unknown): boolean {
  return isNacreError(error) && error.errorType === ErrorTypes.SUBSCRIPTION_HALTED
}
