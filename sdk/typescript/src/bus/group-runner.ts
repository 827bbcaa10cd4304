import { invalid } from '../errors/assertions.js'
import {
  isConnectionError, isInternalServerError, isRateLimitError, isServiceUnavailableError, isStorageError, isTimeoutError,
} from '../errors/guards.js'
import type { AnyEvent, ReadEvent } from '../events/types.js'
import { backOffMs, sleep } from '../http/waiting.js'
import type { Answer, PollOptions } from './consumer-group.js'
import type { Delivery, Nack, NackDecision } from './types.js'

export interface HandlerContext<E extends AnyEvent = AnyEvent> {
  delivery: Delivery<E>
  /** Counts from 1. */
  attempt: number
  /** Aborted when the group drains: a handler that takes long may stop, and throw. */
  signal: AbortSignal
}

/** Works an event off. What it returns is acknowledged, unless it is a decision about trying it again. */
export type Handler<E extends AnyEvent = AnyEvent> = (
  event: ReadEvent<E>, context: HandlerContext<E>,
) => void | NackDecision | Promise<void | NackDecision>

export interface RunOptions<E extends AnyEvent = AnyEvent> {
  /** How many events are handled at once. Default 1. */
  concurrency?: number
  /** How many events are held at most, handled or waiting. Default twice the concurrency. */
  max?: number
  /** Milliseconds that a request for events waits at the server. Default 20,000. */
  waitMs?: number
  /** Ends the run, gracefully. */
  signal?: AbortSignal
  /** Decides about an event whose handler failed. Default: again after 1 s, doubled at each attempt up to 60 s. */
  onError?: (error: unknown, delivery: Delivery<E>) => NackDecision
  /** Told of requests that failed and are made again. */
  onRetry?: (error: unknown) => void
}

interface Source<E extends AnyEvent> {
  poll(options: PollOptions): Promise<Delivery<E>[]>
  ack(answer: Answer): Promise<unknown>
}

const answersAtOnce = 1000

/** One run of a consumer. */
export class GroupRunner<E extends AnyEvent> {
  private readonly concurrency: number
  private readonly max: number
  private readonly stop = new AbortController()
  /** What is held, by stream, in order; the first of a stream may be being handled. */
  private readonly lanes = new Map<string, Delivery<E>[]>()
  private readonly busy = new Set<string>()
  private held = 0
  private answers: (Nack | string)[] = []
  private answering: Promise<void> | undefined
  private failed: { error: unknown } | undefined
  private waiting: (() => void)[] = []

  constructor(
    private readonly source: Source<E>, private readonly handler: Handler<E>, private readonly options: RunOptions<E>,
    private readonly retryDelayMs: number,
  ) {
    this.concurrency = options.concurrency ?? 1
    this.max = options.max ?? 2 * this.concurrency
    if (!Number.isInteger(this.concurrency) || this.concurrency < 1) throw invalid('give a whole number from 1', 'concurrency')
    if (!Number.isInteger(this.max) || this.max < this.concurrency) throw invalid('give the concurrency at least', 'max')
  }

  async run(): Promise<void> {
    const { signal } = this.options
    const end = (): void => {
      this.stop.abort(signal?.reason)
      this.changed()
    }
    if (signal?.aborted) end()
    else signal?.addEventListener('abort', end, { once: true })
    try {
      await this.take()
    } finally {
      signal?.removeEventListener('abort', end)
      await this.drain()
    }
    if (this.failed !== undefined) throw this.failed.error
  }

  /** Asks for events until the end. */
  private async take(): Promise<void> {
    for (let attempt = 0; !this.stop.signal.aborted; ) {
      if (this.held > this.max / 2) {
        await this.change()
        continue
      }
      try {
        const { waitMs = 20_000 } = this.options
        const deliveries = await this.source.poll({ max: this.max - this.held, waitMs, signal: this.stop.signal })
        attempt = 0
        for (const delivery of deliveries) this.hold(delivery)
        this.begin()
      } catch (error) {
        if (this.stop.signal.aborted) return
        if (!mayPass(error)) {
          this.fail(error)
          return
        }
        await this.pause(error, attempt++)
      }
    }
  }

  private hold(delivery: Delivery<E>): void {
    const { streamId } = delivery.event
    const lane = this.lanes.get(streamId)
    if (lane === undefined) this.lanes.set(streamId, [delivery])
    else lane.push(delivery)
    this.held++
  }

  /** Begins as many handlers as there may be. */
  private begin(): void {
    for (const [streamId, lane] of this.lanes) {
      if (this.busy.size >= this.concurrency || this.stop.signal.aborted) return
      if (!this.busy.has(streamId)) void this.handle(streamId, lane)
    }
  }

  private async handle(streamId: string, lane: Delivery<E>[]): Promise<void> {
    const delivery = lane[0]
    if (delivery === undefined) return
    this.busy.add(streamId)
    let decision: NackDecision | void
    try {
      decision = await this.handler(delivery.event, { delivery, attempt: delivery.attempt, signal: this.stop.signal })
    } catch (error) {
      decision = this.decide(error, delivery)
    }
    this.busy.delete(streamId)
    lane.shift()
    this.settle(delivery, decision)
    // What waits behind an event that is tried again must not go ahead of it.
    if (decision?.action === 'retry') for (const later of lane.splice(0)) this.settle(later, decision)
    if (lane.length === 0) this.lanes.delete(streamId)
    else {
      // Others first: a busy stream does not hold them up.
      this.lanes.delete(streamId)
      this.lanes.set(streamId, lane)
    }
    this.begin()
    this.changed()
  }

  private decide(error: unknown, delivery: Delivery<E>): NackDecision {
    try {
      if (this.options.onError !== undefined) return this.options.onError(error, delivery)
    } catch (thrown) {
      this.fail(thrown)
    }
    return { action: 'retry', afterMs: Math.min(60_000, 1000 * 2 ** Math.min(delivery.attempt - 1, 16)) }
  }

  private settle(delivery: Delivery<E>, decision: NackDecision | void): void {
    this.held--
    const { deliveryId } = delivery
    this.answers.push(decision === undefined ? deliveryId : { afterMs: 0, ...decision, deliveryId })
    this.answering ??= this.answer()
  }

  /** Sends answers, one request after the other, each with all that there are. */
  private async answer(): Promise<void> {
    for (let attempt = 0; this.answers.length > 0; ) {
      const some = this.answers.splice(0, answersAtOnce)
      const ack = some.filter(one => typeof one === 'string')
      const nack = some.filter(one => typeof one !== 'string')
      try {
        await this.source.ack({ ack, nack })
        attempt = 0
      } catch (error) {
        if (!mayPass(error) || this.stop.signal.aborted) {
          // The events come again, to whoever asks.
          this.fail(error)
          break
        }
        this.answers.unshift(...some)
        await this.pause(error, attempt++)
      }
    }
    this.answering = undefined
  }

  private async drain(): Promise<void> {
    this.stop.abort()
    for (const [streamId, lane] of this.lanes) {
      const begun = this.busy.has(streamId) ? 1 : 0
      for (const delivery of lane.splice(begun)) this.settle(delivery, { action: 'retry' })
    }
    while (this.busy.size > 0) await this.change()
    while (this.answering !== undefined) await this.answering
  }

  private fail(error: unknown): void {
    this.failed ??= { error }
    this.stop.abort()
    this.changed()
  }

  private async pause(error: unknown, attempt: number): Promise<void> {
    this.options.onRetry?.(error)
    await sleep(backOffMs(attempt, this.retryDelayMs), this.stop.signal).catch(() => {})
  }

  private async change(): Promise<void> {
    if (this.stop.signal.aborted && this.busy.size === 0) return
    await new Promise<void>(resolve => this.waiting.push(resolve))
  }

  private changed(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }
}

function mayPass(error: unknown): boolean {
  return isConnectionError(error) || isTimeoutError(error) || isServiceUnavailableError(error) || isRateLimitError(error) ||
    isStorageError(error) || isInternalServerError(error)
}
