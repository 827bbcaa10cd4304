import type { AnyEvent, Command } from './types.js'

type CommandLike = Command<string, any, any>

/** Makes an event of a declared type: `event<OrderPlaced>('order.placed', { total: 30 })`. */
export function event<E extends AnyEvent>(type: E['type'], data: E['data'], metadata?: E['metadata']): E {
  return (metadata === undefined ? { type, data } : { type, data, metadata }) as unknown as E
}

/** Makes a command of a declared type. */
export function command<C extends CommandLike>(type: C['type'], data: C['data'], metadata?: C['metadata']): C {
  return (metadata === undefined ? { type, data } : { type, data, metadata }) as unknown as C
}

/** Makes an event whose type follows from what is given. */
export function createEvent<Type extends string, Data>(
  type: Type, data: Data, metadata?: Record<string, unknown>,
): Readonly<{ type: Type; data: Data; metadata?: Record<string, unknown> }> {
  return metadata === undefined ? { type, data } : { type, data, metadata }
}

/** Makes a command whose type follows from what is given. */
export function createCommand<Type extends string, Data>(
  type: Type, data: Data, metadata?: Record<string, unknown>,
): Command<Type, Data> {
  return metadata === undefined ? { type, data } : { type, data, metadata }
}
