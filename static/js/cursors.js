// What this page has seen of each job. An event is taken exactly once: what is old is dropped, and behind a gap
// nothing is taken until the missing ones have come.

export class Cursors {
  #seen = new Map();

  watch(id, after) {
    this.#seen.set(id, Math.max(after, this.#seen.get(id) ?? 0));
  }

  forget(id) {
    this.#seen.delete(id);
  }

  has(id) {
    return this.#seen.has(id);
  }

  after(id) {
    return this.#seen.get(id) ?? 0;
  }

  get ids() {
    return [...this.#seen.keys()];
  }

  get size() {
    return this.#seen.size;
  }

  /** Return "new" and move on, or "old", or "gap" when events before this one are missing. */
  take(id, seq) {
    const seen = this.#seen.get(id);
    if (seen === undefined || seq <= seen) return "old";
    if (seq > seen + 1) return "gap";
    this.#seen.set(id, seq);
    return "new";
  }
}
