import { invalid } from '../errors/assertions.js'
import type { EventFilter, Filter, FilterItem, ReadEvent } from './types.js'

/** Reads the short forms of a filter. */
export function toFilter(filter: EventFilter | undefined): Filter {
  if (filter === undefined || filter === '*') return { items: [] }
  if (typeof filter === 'string') return { items: [{ types: [filter] }] }
  if (isTypes(filter)) {
    return filter.length === 0 || filter.includes('*') ? { items: [] } : { items: [{ types: [...filter] }] }
  }
  if (!Array.isArray(filter.items)) {
    throw invalid('a filter is a type such as "user.*", a list of types, or {items: […]}', 'filter')
  }
  return filter
}

const isTypes = (filter: readonly string[] | Filter): filter is readonly string[] => Array.isArray(filter)

/** Tells whether a filter selects an event. */
export function matches(filter: Filter, event: ReadEvent): boolean {
  return filter.items.length === 0 || filter.items.some(item => matchesItem(item, event))
}

function matchesItem(item: FilterItem, event: ReadEvent): boolean {
  const tags = event.tags ?? []
  return (
    oneOf(item.types, type => matchesType(type, event.type)) &&
    oneOf(item.streams, id => id === event.streamId) &&
    oneOf(item.categories, name => name === categoryOf(event.streamId)) &&
    (item.tags ?? []).every(tag => tags.includes(tag))
  )
}

function oneOf(list: readonly string[] | undefined, test: (value: string) => boolean): boolean {
  return list === undefined || list.length === 0 || list.some(test)
}

/** The category of a stream: the text before the first `-`. */
export function categoryOf(streamId: string): string {
  const end = streamId.indexOf('-')
  return end < 0 ? streamId : streamId.slice(0, end)
}

/** Tells whether a type matches a pattern, whose `*` stands for one or more characters. */
export function matchesType(pattern: string, type: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return pattern === type
  if (!type.startsWith(first)) return false
  let at = first.length
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] ?? ''
    if (i === parts.length - 1) return type.length - part.length > at && type.endsWith(part)
    const found = type.indexOf(part, at + 1)
    if (found < 0) return false
    at = found + part.length
  }
  return true
}
