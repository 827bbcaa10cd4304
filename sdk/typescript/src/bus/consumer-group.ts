import { invalid } from '../errors/assertions.js'
import { newEventId } from '../events/ids.js'
import type { AnyEvent } from '../events/types.js'
import { path, type Transport } from '../http/transport.js'
import type { RequestOptions } from '../store/contract.js'
import { GroupRunner, type Handler, type RunOptions } from './group-runner.js'
import type { Answered, Delivery, Nack } from './types.js'

export interface ConsumerGroupOptions {
  /** Who this consumer is, 1 to 64 of letters, digits, ".", "_" and "-"; each has its own. Default: one is made. */
  consumer?: string
}

export interface PollOptions extends RequestOptions {
  /** The most events to give. Default 1. */
  max?: number
  /** Milliseconds to wait where there is none, 60,000 at most. Default 20,000. */
  waitMs?: number
}

/** What became of deliveries. */
export interface Answer {
  ack?: readonly string[]
  nack?: readonly Nack[]
}

/**
 * One consumer of a group that shares a position: each event goes to one of its consumers, those of a stream in their
 * order, and comes again until it is acknowledged. Either take events by {@link run}, or by {@link poll} and {@link ack}.
 */
export class ConsumerGroup<E extends AnyEvent = AnyEvent> {
  readonly consumer: string
  private readonly root: string

  constructor(private readonly transport: Transport, store: string, readonly name: string, options: ConsumerGroupOptions = {}) {
    this.consumer = options.consumer ?? `consumer-${newEventId()}`
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(this.consumer)) {
      throw invalid(`${JSON.stringify(this.consumer)} is no consumer: give 1 to 64 of letters, digits, ".", "_" and "-"`, 'consumer')
    }
    this.root = path`/event-stores/${store}/subscriptions/${name}`
  }

  /** Gives events to work at, none where there were none in time. */
  async poll(options: PollOptions = {}): Promise<Delivery<E>[]> {
    const { max = 1, waitMs = 20_000, signal } = options
    const reply = await this.transport.json<{ deliveries: Delivery<E>[] }>({
      method: 'POST', path: `${this.root}/poll`, body: { consumer: this.consumer, max, waitMs }, signal,
      extraMs: waitMs, repeatable: true, subject: { kind: 'subscription', name: this.name },
    })
    return reply.deliveries
  }

  /**
   * Tells what became of deliveries. Those of `unknown` in the reply are nobody's any more: their time was over, and their
   * events come again, to whoever asks.
   */
  async ack(answer: Answer | string | readonly string[], options: RequestOptions = {}): Promise<Answered> {
    const { ack = [], nack = [] } = typeof answer === 'string' ? { ack: [answer] } : isIds(answer) ? { ack: answer } : answer
    return this.transport.json<Answered>({
      method: 'POST', path: `${this.root}/ack`, body: { consumer: this.consumer, ack, nack }, signal: options.signal,
      repeatable: true, subject: { kind: 'subscription', name: this.name },
    })
  }

  /** Tells that this consumer goes: others get at once what it has not answered for, which does not count as tried. */
  async leave(options: RequestOptions = {}): Promise<void> {
    await this.transport.json({
      method: 'POST', path: `${this.root}/leave`, body: { consumer: this.consumer }, signal: options.signal,
      repeatable: true, subject: { kind: 'subscription', name: this.name },
    })
  }

  /**
   * Has events handled until the signal is aborted: those of a stream one after the other, of different streams beside each
   * other. What the handler returns normally is acknowledged; what it throws is tried again later, or becomes what
   * `onError` says. While the group is paused it waits. It drains at the end: handlers under way are waited for and
   * acknowledged, and what was not begun goes back to the group. One run at a time: another one needs another consumer.
   */
  async run(handler: Handler<E>, options: RunOptions<E> = {}): Promise<void> {
    return new GroupRunner(this, handler, options, this.transport.settings.retryDelayMs).run()
  }
}

function isIds(answer: Answer | readonly string[]): answer is readonly string[] {
  return Array.isArray(answer)
}
