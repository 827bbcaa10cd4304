const longestWaitMs = 5_000

/** The wait behind the attempt with this number, from 0: random, so that clients that were cut off together do not come back together. */
export function backOffMs(attempt: number, firstMs: number): number {
  return Math.random() * Math.min(longestWaitMs, firstMs * 2 ** Math.min(attempt, 16))
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** A controller that is aborted with a signal. `unlink` must be called when it is done with. */
export function linked(signal: AbortSignal | undefined): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController()
  if (signal === undefined) return { controller, unlink: () => {} }
  const abort = (): void => controller.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return { controller, unlink: () => signal.removeEventListener('abort', abort) }
}
