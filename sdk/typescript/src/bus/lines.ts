import type { AnyEvent } from '../events/types.js'
import type { Delivery } from './types.js'

interface Item<E extends AnyEvent> {
  delivery: Delivery<E>
  /** What has the same number came in one piece, and goes back in one. */
  part: number
}

/** The events of a stream that wait, in order, behind the one that is being handled. */
interface Line<E extends AnyEvent> {
  waiting: Item<E>[]
  current: Item<E> | undefined
}

/** What a consumer holds, by stream; or all of it in one line. */
export class Lines<E extends AnyEvent> {
  /** Events that were given and are not answered for. */
  held = 0
  /** In the order in which they are served: a busy stream does not hold others up. */
  private readonly lines = new Map<string, Line<E>>()
  private parts = 0

  constructor(private readonly global: boolean) {}

  /** How many lines there are. */
  get size(): number {
    return this.lines.size
  }

  /** Takes what was given. */
  add(deliveries: readonly Delivery<E>[]): void {
    this.held += deliveries.length
    let last: Delivery<E> | undefined
    for (const delivery of deliveries) {
      const key = this.global ? '' : delivery.event.streamId
      let line = this.lines.get(key)
      if (line === undefined) this.lines.set(key, (line = { waiting: [], current: undefined }))
      // What was tried before is given alone.
      const other = last === undefined || (!this.global && last.event.streamId !== delivery.event.streamId)
      if (other || (last?.attempt ?? 1) > 1 || delivery.attempt > 1) this.parts++
      last = delivery
      if (!this.knows(line, delivery)) line.waiting.push({ delivery, part: this.parts })
    }
  }

  // An event that was held already: its deadline is over and the older delivery is void, with what came behind it in one
  // piece. It tells whether the event is being handled.
  private knows(line: Line<E>, delivery: Delivery<E>): boolean {
    const { current } = line
    if (current !== undefined && isSame(current, delivery)) {
      this.held -= this.drop(line, 0, current.part).length + 1
      line.current = { delivery, part: this.parts }
      return true
    }
    const at = line.waiting.findIndex(item => isSame(item, delivery))
    const item = line.waiting[at]
    if (item !== undefined) this.held -= this.drop(line, at, item.part).length
    return false
  }

  // Takes what came in one piece out of a line, from a place on.
  private drop(line: Line<E>, from: number, part: number): Delivery<E>[] {
    const gone = line.waiting.slice(from).filter(item => item.part === part)
    line.waiting = line.waiting.filter(item => !gone.includes(item))
    return gone.map(item => item.delivery)
  }

  /** The line whose next event becomes the one that is handled; undefined where there is none to begin. */
  next(): string | undefined {
    for (const [key, line] of this.lines) {
      if (line.current !== undefined) continue
      line.current = line.waiting.shift()
      if (line.current !== undefined) return key
    }
    return undefined
  }

  /** What is being handled of a line. */
  current(key: string): Delivery<E> {
    return this.at(key).delivery
  }

  /** Ends what is being handled. Where it is to be given again, what came behind it goes with it. */
  done(key: string, again: boolean): { delivery: Delivery<E>; behind: Delivery<E>[] } {
    const line = this.lines.get(key) as Line<E>
    const { delivery, part } = this.at(key)
    line.current = undefined
    const behind = again ? this.drop(line, 0, part) : []
    this.lines.delete(key)
    if (line.waiting.length > 0) this.lines.set(key, line)
    return { delivery, behind }
  }

  private at(key: string): Item<E> {
    const item = this.lines.get(key)?.current
    if (item === undefined) throw new Error(`nothing of "${key}" is being handled`)
    return item
  }
}

function isSame<E extends AnyEvent>({ delivery: { event } }: Item<E>, { event: other }: Delivery<E>): boolean {
  return event.globalPosition === other.globalPosition && event.eventId === other.eventId
}
