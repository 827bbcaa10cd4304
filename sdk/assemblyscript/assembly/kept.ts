/** How many states are kept, and how many bytes their JSON may have together, about. The last one stays, however large it is. */
const MOST: i32 = 512;
const MOST_BYTES: i32 = 1 << 20;

/** A state that is kept, between the one that was used after it and the one that was used before. */
export class Kept<S> {
  number: u64 = 0;
  /** How many bytes its JSON has, about. */
  bytes: i32 = 0;
  newer: Kept<S> | null = null;
  older: Kept<S> | null = null;

  constructor(public state: S) {}
}

/** The states that are kept by the host's numbers, of which those are forgotten that were not used for longest. */
export class Cache<S> {
  private states: Map<u64, Kept<S>> = new Map<u64, Kept<S>>();
  private newest: Kept<S> | null = null;
  private oldest: Kept<S> | null = null;
  private bytes: i32 = 0;

  /** Takes a state out. */
  take(number: u64): Kept<S> | null {
    if (!this.states.has(number)) return null;
    const kept = this.states.get(number);
    this.states.delete(number);
    this.bytes -= kept.bytes;
    const newer = kept.newer;
    const older = kept.older;
    if (newer) newer.older = older;
    else this.newest = older;
    if (older) older.newer = newer;
    else this.oldest = newer;
    kept.newer = null;
    kept.older = null;
    return kept;
  }

  /** Puts a state in. */
  put(number: u64, kept: Kept<S>): void {
    this.take(number);
    kept.number = number;
    const before = this.newest;
    kept.older = before;
    if (before) before.newer = kept;
    else this.oldest = kept;
    this.newest = kept;
    this.states.set(number, kept);
    this.bytes += kept.bytes;
    while (this.states.size > MOST || (this.bytes > MOST_BYTES && this.states.size > 1)) {
      const oldest = this.oldest;
      if (oldest == null) return;
      this.take(oldest.number);
    }
  }
}
