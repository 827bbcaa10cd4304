import type { TestContext } from 'node:test'
import { type EventBus, isNotFoundError } from '@nacredb/client'

/** Skips a test, and tells so, where the server has no durable subscriptions. */
export async function needsSubscriptions(t: TestContext, bus: EventBus): Promise<boolean> {
  try {
    await bus.listSubscriptions()
    return true
  } catch (error) {
    if (!isNotFoundError(error)) throw error
    t.skip('this server has no durable subscriptions: …/subscriptions is not found')
    return false
  }
}
