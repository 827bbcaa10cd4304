import { isVersionConflictError } from '../errors/guards.js'
import type { AnyEvent, Command, ExpectedStreamVersion, ReadEvent } from '../events/types.js'
import { sleep } from '../http/waiting.js'
import type { AppendToStreamOptions, EventStore } from '../store/contract.js'
import type { Decider } from './decider.js'

type CommandLike = Command<string, any, any>
type Store = Pick<EventStore, 'aggregateStream' | 'appendToStream'>

export interface RetryOptions {
  /** How often in all it is decided, where others append meanwhile. Default 5. */
  maxAttempts?: number
  /** Milliseconds that the first wait takes at most; they double, up to 2,000, and are random. Default 20. */
  delayMs?: number
}

export interface DeciderCommandHandlerOptions {
  /** Default: the version at which the stream was read, so that what is decided is never stale. */
  expectedStreamVersion?: ExpectedStreamVersion
  /** For the handlers that try again. */
  retry?: RetryOptions
  /** Of the append; see `AppendOptions`. */
  idempotencyKey?: string
  signal?: AbortSignal
}

export interface CommandHandlerOptions<State, E extends AnyEvent = AnyEvent> extends DeciderCommandHandlerOptions {
  evolve: (state: State, event: E) => State
  initialState: () => State
}

export interface CommandHandlerResult<State, E extends AnyEvent = AnyEvent> {
  /** With the new events. */
  newState: State
  newEvents: readonly E[]
  /** The events as they are stored. */
  storedEvents: readonly ReadEvent<E>[]
  /** What the next append to the stream has to expect; -1 where it has no events. */
  nextExpectedStreamVersion: number
  createdNewStream: boolean
  /** How often it was decided. */
  attempts: number
}

/** Decides by the state of a stream: the events that it gives are appended. */
export type CommandHandler<State, E extends AnyEvent = AnyEvent> = (
  state: State,
) => E | readonly E[] | Promise<E | readonly E[]>

/** Reads a stream's state, has it decided, and appends the events. A stream that moved meanwhile is a conflict. */
export async function handleCommand<State, E extends AnyEvent = AnyEvent>(
  eventStore: Store, streamId: string, handler: CommandHandler<State, E>, options: CommandHandlerOptions<State, E>,
): Promise<CommandHandlerResult<State, E>> {
  const { evolve, initialState, expectedStreamVersion, idempotencyKey, signal } = options
  const { state, currentStreamVersion } = await eventStore.aggregateStream<State, E>(streamId, {
    initialState, evolve: (before, event) => evolve(before, event as unknown as E),
    ...(signal === undefined ? {} : { read: { signal } }),
  })
  const decided = await handler(state)
  const newEvents = (Array.isArray(decided) ? decided : [decided]) as readonly E[]
  if (newEvents.length === 0) {
    return {
      newState: state, newEvents, storedEvents: [], nextExpectedStreamVersion: currentStreamVersion, createdNewStream: false,
      attempts: 1,
    }
  }
  const append: AppendToStreamOptions = { expectedStreamVersion: expectedStreamVersion ?? currentStreamVersion }
  if (idempotencyKey !== undefined) append.idempotencyKey = idempotencyKey
  if (signal !== undefined) append.signal = signal
  const result = await eventStore.appendToStream<E>(streamId, newEvents, append)
  return {
    newState: newEvents.reduce(evolve, state), newEvents, storedEvents: result.events,
    nextExpectedStreamVersion: result.nextExpectedStreamVersion, createdNewStream: result.createdNewStream, attempts: 1,
  }
}

/** As {@link handleCommand}, and decides anew where the stream moved meanwhile. */
export async function handleCommandWithRetry<State, E extends AnyEvent = AnyEvent>(
  eventStore: Store, streamId: string, handler: CommandHandler<State, E>, options: CommandHandlerOptions<State, E>,
): Promise<CommandHandlerResult<State, E>> {
  const { maxAttempts = 5, delayMs = 20 } = options.retry ?? {}
  for (let attempt = 1; ; attempt++) {
    try {
      return { ...(await handleCommand(eventStore, streamId, handler, options)), attempts: attempt }
    } catch (error) {
      // A version that the caller asks for does not come by trying again.
      const final = options.expectedStreamVersion !== undefined && options.expectedStreamVersion !== 'any'
      if (!isVersionConflictError(error) || final || attempt >= maxAttempts) throw error
      await sleep(Math.random() * Math.min(2000, delayMs * 2 ** Math.min(attempt - 1, 10)), options.signal)
    }
  }
}

/** Has a command decided by a {@link Decider}. */
export async function handleCommandWithDecider<State, C extends CommandLike, E extends AnyEvent = AnyEvent>(
  eventStore: Store, streamId: string, command: C, decider: Decider<State, C, E>, options: DeciderCommandHandlerOptions = {},
): Promise<CommandHandlerResult<State, E>> {
  const { decide, evolve, initialState } = decider
  return handleCommand<State, E>(eventStore, streamId, state => decide(state, command), { ...options, evolve, initialState })
}

/** As {@link handleCommandWithDecider}, and decides anew where the stream moved meanwhile. */
export async function handleCommandWithDeciderAndRetry<State, C extends CommandLike, E extends AnyEvent = AnyEvent>(
  eventStore: Store, streamId: string, command: C, decider: Decider<State, C, E>, options: DeciderCommandHandlerOptions = {},
): Promise<CommandHandlerResult<State, E>> {
  const { decide, evolve, initialState } = decider
  return handleCommandWithRetry<State, E>(eventStore, streamId, state => decide(state, command), { ...options, evolve, initialState })
}
