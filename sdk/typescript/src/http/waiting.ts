const longestWaitMs = 5_000
// What platforms' timers take; one that is longer goes off at once.
const longestTimerMs = 2 ** 31 - 1

/** The wait behind the attempt with this number, from 0: random, so that clients that were cut off together do not come back together. */
export function backOffMs(attempt: number, firstMs: number): number {
  return Math.random() * Math.min(longestWaitMs, firstMs * 2 ** Math.min(attempt, 16))
}

/** Does something later, however long that is; never for Infinity. What it gives takes that back. */
export function later(ms: number, act: () => void): () => void {
  if (ms === Infinity) return () => {}
  const timer = setTimeout(act, Math.min(ms, longestTimerMs))
  return () => clearTimeout(timer)
}

const watched = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Does something when a signal is aborted, which it is not yet. What it gives takes that back. A signal has one listener
 * however many ask: platforms take more than ten for a leak, and one signal may be that of a whole program.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let acts = watched.get(signal)
  if (acts === undefined) {
    const all = new Set<() => void>()
    watched.set(signal, (acts = all))
    signal.addEventListener('abort', () => { for (const one of [...all]) one() }, { once: true })
  }
  const mine = (): void => act()
  acts.add(mine)
  return () => acts.delete(mine)
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    let forget = (): void => {}
    const cancel = later(ms, () => {
      forget()
      resolve()
    })
    if (signal === undefined) return
    forget = onAbort(signal, () => {
      cancel()
      reject(signal.reason)
    })
  })
}

/** Waits for what does not look at a signal itself; rejects with the signal's reason as soon as it is aborted. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      work.catch(() => {}) // nobody waits for it any more
      reject(signal.reason)
      return
    }
    const forget = onAbort(signal, () => reject(signal.reason))
    work.then(resolve, reject).finally(forget)
  })
}

/** A controller that is aborted with a signal. `unlink` must be called when it is done with. */
export function linked(signal: AbortSignal | undefined): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController()
  if (signal?.aborted) controller.abort(signal.reason)
  if (signal === undefined || signal.aborted) return { controller, unlink: () => {} }
  return { controller, unlink: onAbort(signal, () => controller.abort(signal.reason)) }
}
