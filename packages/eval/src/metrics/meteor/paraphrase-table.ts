/**
 * METEOR's paraphrase table, cut down to what one run can use. The full table has 5.3 million entries and 272 MB of text, sorted by left, then right phrase;
 * three lines an entry: probability (unused), left, right. An entry can match only if both its phrases occur in the captions at hand, which leaves some thousands.
 */
import { EvaluationError, expected } from "../../errors.js";

/** No phrase of the table is longer. */
const MAX_PHRASE_LENGTH = 7;

const NEWLINE = 10;
const FILTER_BITS = 1 << 22;
const HASH_SEED = 0x811c9dc5;
const HASH_FACTOR = 0x01000193;

export class ParaphraseTable {
  /** Left phrase → right phrases in file order. */
  readonly entries: ReadonlyMap<string, readonly string[]>;

  private constructor(entries: ReadonlyMap<string, readonly string[]>) {
    this.entries = entries;
  }

  get size(): number {
    let count = 0;
    for (const rights of this.entries.values()) count += rights.length;
    return count;
  }

  /**
   * Reads the table once, front to back, keeping the entries both of whose phrases are wanted.
   * @param bytes the unpacked table, in pieces of any size
   * @param phrases every run of 1 to 7 words of the normalised captions, see `phrasesOf`
   * @throws EvaluationError if the text does not come in threes of lines
   */
  static async read(
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    phrases: ReadonlySet<string>,
  ): Promise<ParaphraseTable> {
    const scan = new TableScan(phrases);
    for await (const chunk of bytes) scan.take(chunk);
    return new ParaphraseTable(scan.finish());
  }
}

/** Adds every run of 1 to 7 words of a normalised caption to `phrases`. */
export function addPhrases(caption: string, phrases: Set<string>): void {
  const ends: number[] = [];
  for (let at = caption.indexOf(" "); at !== -1; at = caption.indexOf(" ", at + 1)) ends.push(at);
  ends.push(caption.length);
  for (let first = 0, start = 0; first < ends.length; start = ends[first++]! + 1) {
    for (let last = first; last < Math.min(ends.length, first + MAX_PHRASE_LENGTH); last++)
      phrases.add(caption.slice(start, ends[last]));
  }
}

/** The pass over the file: a hash of each line against a bit field decides, and only hits are made into strings. */
class TableScan {
  readonly #phrases: ReadonlySet<string>;
  readonly #filter = new Uint8Array(FILTER_BITS >> 3);
  readonly #entries = new Map<string, string[]>();
  readonly #decoder = new TextDecoder();
  /** 0 probability, 1 left, 2 right. */
  #line = 0;
  #hash = HASH_SEED;
  #left: string | undefined;
  #carry: Uint8Array = new Uint8Array(0);

  constructor(phrases: ReadonlySet<string>) {
    this.#phrases = phrases;
    const encoder = new TextEncoder();
    for (const phrase of phrases) {
      let hash = HASH_SEED;
      for (const byte of encoder.encode(phrase)) hash = Math.imul(hash ^ byte, HASH_FACTOR);
      const bit = (hash ^ (hash >>> 15)) & (FILTER_BITS - 1);
      this.#filter[bit >> 3]! |= 1 << (bit & 7);
    }
  }

  take(chunk: Uint8Array): void {
    const filter = this.#filter;
    let line = this.#line;
    let hash = this.#hash;
    let left = this.#left;
    let start = 0;
    const length = chunk.length;
    for (let i = 0; i < length; i++) {
      const byte = chunk[i]!;
      if (byte !== NEWLINE) {
        hash = Math.imul(hash ^ byte, HASH_FACTOR);
        continue;
      }
      if (line === 0) line = 1;
      else {
        const bit = (hash ^ (hash >>> 15)) & (FILTER_BITS - 1);
        const wanted = (filter[bit >> 3]! & (1 << (bit & 7))) !== 0;
        if (line === 1) {
          left = wanted ? this.#wantedText(chunk, start, i) : undefined;
          line = 2;
        } else {
          if (wanted && left !== undefined) this.#add(left, this.#wantedText(chunk, start, i));
          line = 0;
        }
      }
      hash = HASH_SEED;
      start = i + 1;
      if (this.#carry.length > 0) this.#carry = new Uint8Array(0);
    }
    this.#carry = joined(this.#carry, chunk.subarray(start));
    this.#line = line;
    this.#hash = hash;
    this.#left = left;
  }

  finish(): Map<string, string[]> {
    if (this.#carry.length > 0) this.take(Uint8Array.of(NEWLINE));
    if (this.#line !== 0) {
      throw new EvaluationError(
        expected("three lines per entry", "the paraphrase table", `${this.#line} lines in its last entry`),
        {
          hint: "Use METEOR's paraphrase-en.gz as it comes.",
        },
      );
    }
    return this.#entries;
  }

  #wantedText(chunk: Uint8Array, start: number, end: number): string | undefined {
    const bytes = start === 0 ? joined(this.#carry, chunk.subarray(0, end)) : chunk.subarray(start, end);
    const text = this.#decoder.decode(bytes);
    return this.#phrases.has(text) ? text : undefined;
  }

  #add(left: string, right: string | undefined): void {
    if (right === undefined) return;
    const rights = this.#entries.get(left);
    if (rights === undefined) this.#entries.set(left, [right]);
    else rights.push(right);
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
