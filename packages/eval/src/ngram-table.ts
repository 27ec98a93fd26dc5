/**
 * Ids for n-grams. An n-gram is (id of its first n-1 words, id of its last word), so the four orders share one table and no
 * strings are joined. Open addressing over typed arrays: about 24 bytes an n-gram, which keeps 200 000 captions in memory.
 */
import type { Corpus } from "./corpus.js";

export const MAX_ORDER = 4;

/** The table of a corpus, shared by BLEU and CIDEr. */
export function ngramsOf(corpus: Corpus): NgramTable {
  return corpus.derive("ngrams", () => new NgramTable());
}

const INITIAL_SLOTS = 1 << 12;
const EMPTY = -1;

export class NgramTable {
  #slots = new Int32Array(INITIAL_SLOTS).fill(EMPTY);
  #prefixes = new Int32Array(INITIAL_SLOTS >> 1);
  #words = new Int32Array(INITIAL_SLOTS >> 1);
  #orders = new Uint8Array(INITIAL_SLOTS >> 1);
  #size = 0;

  /** Number of distinct n-grams seen; ids are 0 to size - 1. */
  get size(): number {
    return this.#size;
  }

  /** 1 to 4. */
  order(id: number): number {
    return this.#orders[id]!;
  }

  /**
   * Writes the ids of all n-grams of a caption, order by order within each start position, and returns how many there are.
   * @param out room for at least `MAX_ORDER * words.length` ids
   */
  collect(words: Int32Array, out: Int32Array): number {
    let count = 0;
    for (let start = 0; start < words.length; start++) {
      let prefix = EMPTY;
      const last = Math.min(start + MAX_ORDER, words.length);
      for (let end = start; end < last; end++) {
        prefix = this.#extend(prefix, words[end]!, end - start + 1);
        out[count++] = prefix;
      }
    }
    return count;
  }

  /** Forgets every id from `size` on, so that probing with captions that come and go costs no memory. */
  forget(size: number): void {
    const mask = this.#slots.length - 1;
    // Latest first: with linear probing, taking entries out in reverse order of insertion leaves every older chain whole.
    while (this.#size > size) {
      const id = --this.#size;
      let slot = hash(this.#prefixes[id]!, this.#words[id]!) & mask;
      while (this.#slots[slot] !== id) slot = (slot + 1) & mask;
      this.#slots[slot] = EMPTY;
    }
  }

  #extend(prefix: number, word: number, order: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(prefix, word) & mask;
    for (;;) {
      const id = this.#slots[slot]!;
      if (id === EMPTY) break;
      if (this.#prefixes[id] === prefix && this.#words[id] === word) return id;
      slot = (slot + 1) & mask;
    }
    const id = this.#size++;
    this.#slots[slot] = id;
    this.#prefixes[id] = prefix;
    this.#words[id] = word;
    this.#orders[id] = order;
    if (this.#size === this.#prefixes.length) this.#grow();
    return id;
  }

  #grow(): void {
    const capacity = this.#prefixes.length * 2;
    this.#prefixes = enlarged(this.#prefixes, new Int32Array(capacity));
    this.#words = enlarged(this.#words, new Int32Array(capacity));
    this.#orders = enlarged(this.#orders, new Uint8Array(capacity));
    this.#slots = new Int32Array(capacity * 2).fill(EMPTY);
    const mask = this.#slots.length - 1;
    for (let id = 0; id < this.#size; id++) {
      let slot = hash(this.#prefixes[id]!, this.#words[id]!) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}

function enlarged<T extends Int32Array | Uint8Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

function hash(prefix: number, word: number): number {
  let h = Math.imul(prefix ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(word + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}
