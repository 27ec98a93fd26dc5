/**
 * The phrases a run can use: every run of one to seven words of its captions, as 32-bit hashes of their UTF-8 bytes. Hashes are enough to pick entries of the
 * paraphrase table: one picked because its hash is that of another phrase stands in no caption, so it changes no score.
 */

/** No phrase of the table is longer. */
const MAX_PHRASE_LENGTH = 7;

const BLANK = 0x20;
const INITIAL_SLOTS = 1 << 12;
const EMPTY = 0;

export const HASH_SEED = 0x811c9dc5 | 0;
const HASH_FACTOR = 0x01000193;

/** The hash of a phrase one byte longer (FNV-1a). */
export function extendHash(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_FACTOR);
}

export class PhraseSet {
  // Open addressing; at most half the slots are taken.
  #slots = new Int32Array(INITIAL_SLOTS);
  #size = 0;
  readonly #encoder = new TextEncoder();

  /** Number of different hashes. */
  get size(): number {
    return this.#size;
  }

  /** Adds the phrases of a normalised caption: words with single blanks between them. */
  addPhrasesOf(caption: string): void {
    const bytes = this.#encoder.encode(caption);
    for (let start = 0; start < bytes.length; start = afterBlank(bytes, start)) {
      let hash = HASH_SEED;
      let words = 0;
      for (let at = start; at <= bytes.length; at++) {
        if (at === bytes.length || bytes[at] === BLANK) {
          this.#add(hash);
          if (++words === MAX_PHRASE_LENGTH) break;
        }
        hash = extendHash(hash, bytes[at]!);
      }
    }
  }

  /** Whether a phrase with this hash was added. */
  has(hash: number): boolean {
    const wanted = hash === EMPTY ? 1 : hash;
    const slots = this.#slots;
    return slots[slotOf(slots, wanted)] === wanted;
  }

  #add(hash: number): void {
    const value = hash === EMPTY ? 1 : hash;
    const slots = this.#slots;
    const slot = slotOf(slots, value);
    if (slots[slot] === value) return;
    slots[slot] = value;
    if (++this.#size * 2 > slots.length) this.#grow();
  }

  #grow(): void {
    const larger = new Int32Array(4 * this.#slots.length);
    for (const hash of this.#slots) if (hash !== EMPTY) larger[slotOf(larger, hash)] = hash;
    this.#slots = larger;
  }
}

/** Where the hash stands, or the empty slot where it would. */
function slotOf(slots: Int32Array, hash: number): number {
  const mask = slots.length - 1;
  let slot = (hash ^ (hash >>> 15)) & mask;
  while (slots[slot] !== EMPTY && slots[slot] !== hash) slot = (slot + 1) & mask;
  return slot;
}

function afterBlank(bytes: Uint8Array, start: number): number {
  const blank = bytes.indexOf(BLANK, start);
  return blank === -1 ? bytes.length : blank + 1;
}
