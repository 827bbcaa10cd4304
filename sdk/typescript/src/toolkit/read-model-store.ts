/** Where projections keep documents: a table, a key-value store, a folder. Documents are JSON values. */
export interface ReadModelStore {
  get<Document>(collection: string, id: string): Promise<Document | undefined>
  /** Keeps a document in place of what was there. */
  put<Document>(collection: string, id: string, document: Document): Promise<void>
  delete(collection: string, id: string): Promise<void>
  /** All documents of a collection. */
  list<Document>(collection: string): Promise<{ id: string; document: Document }[]>
}

/** DeltaBase's name for {@link ReadModelStore}. */
export type IReadModelStore = ReadModelStore

/** Documents in memory. What is given out is the caller's own. */
export class InMemoryReadModelStore implements ReadModelStore {
  private readonly collections = new Map<string, Map<string, string>>()

  async get<Document>(collection: string, id: string): Promise<Document | undefined> {
    const text = this.collections.get(collection)?.get(id)
    return text === undefined ? undefined : (JSON.parse(text) as Document)
  }

  async put<Document>(collection: string, id: string, document: Document): Promise<void> {
    let documents = this.collections.get(collection)
    if (documents === undefined) this.collections.set(collection, (documents = new Map()))
    documents.set(id, JSON.stringify(document))
  }

  async delete(collection: string, id: string): Promise<void> {
    this.collections.get(collection)?.delete(id)
  }

  async list<Document>(collection: string): Promise<{ id: string; document: Document }[]> {
    return [...(this.collections.get(collection) ?? [])].map(([id, text]) => ({ id, document: JSON.parse(text) as Document }))
  }
}
