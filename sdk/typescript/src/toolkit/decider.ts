import type { AnyEvent, Command } from '../events/types.js'

type CommandLike = Command<string, any, any>

/** Decides about commands, and folds events into the state that it decides by. All three are pure. */
export interface Decider<State, C extends CommandLike = CommandLike, E extends AnyEvent = AnyEvent> {
  /** The events that a command leads to; an empty list is nothing. Throw to refuse it. */
  decide: (state: State, command: C) => E | readonly E[]
  evolve: (state: State, event: E) => State
  initialState: () => State
}
