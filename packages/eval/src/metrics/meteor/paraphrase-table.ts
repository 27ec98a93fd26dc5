/**
 * METEOR's paraphrase table, cut down to what one run can use. The full table has 5.3 million entries and 272 MB of text, sorted by left, then right phrase;
 * three lines an entry: probability (unused), left, right. An entry can match only if both its phrases occur in the captions at hand, which leaves some thousands.
 */
import { EvaluationError, expected } from "../../errors.js";
import { extendHash, HASH_SEED, type PhraseSet } from "./phrase-set.js";

const NEWLINE = 0x0a;
/** Four line ends in one 32-bit word. */
const NEWLINES = 0x0a0a0a0a;
/** Line ends behind the text: three for an unfinished entry, and the rest of the word the last one is in. */
const PADDING = 8;

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
   * @param phrases the phrases of the captions at hand, see `corpusPhrases`
   * @throws EvaluationError if the text does not come in threes of lines
   */
  static async read(
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    phrases: PhraseSet,
  ): Promise<ParaphraseTable> {
    const scan = new TableScan(phrases);
    for await (const chunk of bytes) scan.take(chunk);
    return new ParaphraseTable(scan.finish());
  }
}

/**
 * The pass over the file. Most of it is looking for line ends, four bytes at a time; only left phrases that differ from the one before and the right phrases of
 * wanted ones are hashed, only hits become strings.
 */
class TableScan {
  readonly #phrases: PhraseSet;
  readonly #entries = new Map<string, string[]>();
  readonly #decoder = new TextDecoder();
  /** The piece at hand behind the entry that the piece before it left unfinished. */
  #bytes = new Uint8Array(0);
  #words = new DataView(this.#bytes.buffer);
  #unfinished = 0;

  constructor(phrases: PhraseSet) {
    this.#phrases = phrases;
  }

  take(chunk: Uint8Array): void {
    const end = this.#unfinished + chunk.length;
    const room = end + PADDING;
    if (this.#bytes.length < room) this.#grow(room);
    this.#bytes.set(chunk, this.#unfinished);
    // Line ends behind the text stop every search, which then need not watch for the end of the buffer.
    this.#bytes.fill(NEWLINE, end, room);
    const rest = this.#scan(end);
    this.#bytes.copyWithin(0, rest, end);
    this.#unfinished = end - rest;
  }

  finish(): Map<string, string[]> {
    if (this.#unfinished > 0 && this.#bytes[this.#unfinished - 1] !== NEWLINE) this.take(Uint8Array.of(NEWLINE));
    if (this.#unfinished > 0) {
      const lines = this.#bytes.subarray(0, this.#unfinished).filter((byte) => byte === NEWLINE).length;
      throw new EvaluationError(
        expected("three lines per entry", "the paraphrase table", `${lines} lines in its last entry`),
        { hint: "Use METEOR's paraphrase-en.gz as it comes." },
      );
    }
    return this.#entries;
  }

  /** @returns where the entry begins that does not end before `end` */
  #scan(end: number): number {
    const words = this.#words;
    let entry = 0;
    let left = 0;
    let leftLength = -1;
    let leftWanted = false;
    while (entry < end) {
      const before = left;
      left = endOfLine(words, entry) + 1;
      // Entries with the same left phrase follow each other.
      if (leftLength === -1 || !samePhrase(words, before, left, leftLength)) {
        leftLength = endOfLine(words, left) - left;
        leftWanted = this.#isWanted(left, left + leftLength);
      }
      const right = left + leftLength + 1;
      const rightEnd = endOfLine(words, right);
      if (rightEnd >= end) break;
      if (leftWanted && this.#isWanted(right, rightEnd)) this.#add(left, right, rightEnd);
      entry = rightEnd + 1;
    }
    return entry;
  }

  #isWanted(start: number, end: number): boolean {
    const bytes = this.#bytes;
    let hash = HASH_SEED;
    for (let at = start; at < end; at++) hash = extendHash(hash, bytes[at]!);
    return this.#phrases.has(hash);
  }

  #add(left: number, right: number, end: number): void {
    const leftPhrase = this.#decoder.decode(this.#bytes.subarray(left, right - 1));
    const rightPhrase = this.#decoder.decode(this.#bytes.subarray(right, end));
    const rights = this.#entries.get(leftPhrase);
    if (rights === undefined) this.#entries.set(leftPhrase, [rightPhrase]);
    else rights.push(rightPhrase);
  }

  #grow(room: number): void {
    const larger = new Uint8Array(2 * room);
    larger.set(this.#bytes.subarray(0, this.#unfinished));
    this.#bytes = larger;
    this.#words = new DataView(larger.buffer);
  }
}

/** Position of the first line end at or behind `start`. */
function endOfLine(words: DataView, start: number): number {
  for (let at = start; ; at += 4) {
    const word = words.getInt32(at, true) ^ NEWLINES;
    // The lowest bit this leaves is the highest of the first byte that is zero.
    const zeros = (word - 0x01010101) & ~word & 0x80808080;
    if (zeros !== 0) return at + lowestByte(zeros);
  }
}

/** Whether the line at `second` holds the same phrase as the one at `first`, whose length is known. */
function samePhrase(words: DataView, first: number, second: number, length: number): boolean {
  // The line end counts too: a longer phrase is another one.
  for (let k = 0; k <= length; k += 4) {
    const difference = words.getInt32(first + k, true) ^ words.getInt32(second + k, true);
    if (difference !== 0) return k + lowestByte(difference) > length;
  }
  return true;
}

function lowestByte(bits: number): number {
  return (31 - Math.clz32(bits & -bits)) >> 3;
}
