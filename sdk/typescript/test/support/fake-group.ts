import type { Delivery, Nack } from '@nacredb/client'

interface Entry {
  n: number
  streamId: string
  attempts: number
  holder: string | undefined
}

/**
 * The routes of one consumer group, in memory: as many deliveries of a stream together as `perStream` says, no waits before
 * what is tried again, and no ack deadline.
 */
export class FakeGroup {
  readonly acked: number[] = []
  readonly nacked: { n: number; nack: Nack }[] = []
  readonly requests: { path: string; body: any }[] = []
  /** Who has left. */
  readonly leavers: string[] = []
  /** Answers a request in place of the group. */
  failing: ((path: string, number: number) => Response | 'lost' | undefined) | undefined
  private readonly entries: Entry[]
  private deliveries = 0
  private waiting: (() => void)[] = []

  constructor(streams: readonly string[], private readonly perStream = 1) {
    this.entries = streams.map((streamId, n) => ({ n, streamId, attempts: 0, holder: undefined }))
  }

  /** How many are not done. */
  get open(): number {
    return this.entries.length
  }

  /** Who holds an event that nobody has answered for. */
  get held(): number[] {
    return this.entries.filter(entry => entry.holder !== undefined).map(entry => entry.n)
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const path = new URL(String(input)).pathname
    const body = JSON.parse(String(init?.body))
    const number = this.requests.push({ path, body }) - 1
    const failed = this.failing?.(path, number)
    if (failed instanceof Response) return failed
    const reply = path.endsWith('/poll') ? await this.poll(body, init?.signal ?? undefined)
      : path.endsWith('/leave') ? this.leave(body.consumer) : this.ack(body)
    if (failed === 'lost') throw new TypeError('fetch failed')
    return new Response(JSON.stringify(reply))
  }

  private leave(consumer: string): object {
    this.leavers.push(consumer)
    for (const entry of this.entries) {
      if (entry.holder === undefined) continue
      entry.holder = undefined
      entry.attempts--
    }
    return { success: true }
  }

  /** Takes back what consumers hold, as a deadline does. */
  expire(): void {
    for (const entry of this.entries) entry.holder = undefined
    this.wake()
  }

  private async poll(body: { consumer: string; max: number; waitMs: number }, signal: AbortSignal | undefined): Promise<object> {
    let deliveries = this.hand(body.max)
    if (deliveries.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, body.waitMs)
        this.waiting.push(() => { clearTimeout(timer); resolve() })
        signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason) })
      })
      deliveries = this.hand(body.max)
    }
    return { deliveries }
  }

  private hand(max: number): Delivery[] {
    const given: Delivery[] = []
    // The next ones come when all are answered for that were given together, and what was tried before comes alone.
    const left = new Map(this.entries.map(entry => [entry.streamId, this.perStream]))
    for (const entry of this.entries) if (entry.holder !== undefined) left.set(entry.streamId, 0)
    for (const entry of this.entries) {
      if (given.length === max) break
      const count = left.get(entry.streamId) ?? 0
      if (count === 0) continue
      const alone = entry.attempts > 0
      left.set(entry.streamId, alone ? 0 : count - 1)
      if (alone && count < this.perStream) continue
      entry.holder = `d-${this.deliveries++}`
      entry.attempts++
      given.push({ deliveryId: entry.holder, attempt: entry.attempts, event: eventOf(entry) })
    }
    return given
  }

  private ack(body: { ack: string[]; nack: Nack[] }): object {
    const unknown: string[] = []
    for (const id of body.ack) {
      const entry = this.find(id, unknown)
      if (entry === undefined) continue
      this.acked.push(entry.n)
      this.entries.splice(this.entries.indexOf(entry), 1)
    }
    for (const nack of body.nack) {
      const entry = this.find(nack.deliveryId, unknown)
      if (entry === undefined) continue
      this.nacked.push({ n: entry.n, nack })
      if (nack.action === 'retry') this.again(entry)
      else this.entries.splice(this.entries.indexOf(entry), 1)
    }
    this.wake()
    return { done: body.ack.length + body.nack.length - unknown.length, unknown }
  }

  // What of the stream was given behind it comes back with it, and is void.
  private again(entry: Entry): void {
    for (const other of this.entries.slice(this.entries.indexOf(entry))) {
      if (other.streamId !== entry.streamId || other.holder === undefined) continue
      if (other !== entry) other.attempts--
      other.holder = undefined
    }
  }

  private find(id: string, unknown: string[]): Entry | undefined {
    const entry = this.entries.find(one => one.holder === id)
    if (entry === undefined) unknown.push(id)
    return entry
  }

  private wake(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }
}

function eventOf({ n, streamId }: Entry): Delivery['event'] {
  return {
    type: 't', data: n, streamId, eventId: `e-${n}`, globalPosition: n + 1, streamPosition: n, createdAt: '2026-11-20T18:55:20.471204Z',
  }
}
