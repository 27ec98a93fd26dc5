/** Which caption of a set comes closest to a given one: how much of a model's caption was learnt by heart. */
import { Interner } from "../interner.js";
import { ptbTokenizer } from "../tokenizers/ptb/ptb-tokenizer.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

export interface NearestCaption {
  /** As it stands in the set; of equally near ones the first. */
  readonly caption: string;
  /** Words to insert, delete or replace (Levenshtein 1966); 0 = the same words. */
  readonly edits: number;
}

interface Entry {
  readonly caption: string;
  readonly words: Int32Array;
}

/** A set of captions, prepared for the question. Captions with the same words count once. */
export class CaptionSet {
  readonly #tokenizer: Tokenizer;
  readonly #interner = new Interner();
  /** By length: an edit changes it by one at most, so near lengths are looked at first and far ones not at all. */
  readonly #byLength: Entry[][] = [];
  readonly #exact = new Map<string, string>();

  constructor(captions: Iterable<string>, tokenizer: Tokenizer = ptbTokenizer) {
    this.#tokenizer = tokenizer;
    for (const caption of captions) {
      const text = tokenizer.tokenize(caption);
      if (this.#exact.has(text)) continue;
      this.#exact.set(text, caption);
      const words = this.#ids(text);
      while (this.#byLength.length <= words.length) this.#byLength.push([]);
      this.#byLength[words.length]!.push({ caption, words });
    }
  }

  /** Different captions in the set. */
  get size(): number {
    return this.#exact.size;
  }

  /** `undefined` for an empty set. */
  nearest(caption: string): NearestCaption | undefined {
    const text = this.#tokenizer.tokenize(caption);
    const same = this.#exact.get(text);
    if (same !== undefined) return { caption: same, edits: 0 };
    const words = this.#ids(text);
    const needed = countWords(words);
    let best: NearestCaption | undefined;
    for (const length of nearLengths(words.length, this.#byLength.length)) {
      const bound = best?.edits ?? Number.POSITIVE_INFINITY;
      if (Math.abs(length - words.length) >= bound) break;
      for (const entry of this.#byLength[length]!) {
        const limit = best?.edits ?? Number.POSITIVE_INFINITY;
        if (leastEdits(needed, words.length, entry.words) >= limit) continue;
        const edits = editDistance(words, entry.words);
        if (edits < limit) best = { caption: entry.caption, edits };
      }
    }
    return best;
  }

  #ids(text: string): Int32Array {
    return text === "" ? new Int32Array() : Int32Array.from(text.split(" "), (word) => this.#interner.id(word));
  }
}

/** Lengths below `count`, those nearest to `length` first. */
function nearLengths(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => Math.abs(a - length) - Math.abs(b - length));
}

function countWords(words: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** Words that one of the two has and the other has not, whatever their order: no sequence of edits is shorter. */
function leastEdits(needed: ReadonlyMap<number, number>, length: number, words: Int32Array): number {
  let shared = 0;
  for (let i = 0; i < words.length; i++) {
    const limit = needed.get(words[i]!);
    if (limit === undefined) continue;
    let before = 0;
    for (let j = 0; j < i; j++) if (words[j] === words[i]) before++;
    if (before < limit) shared++;
  }
  return Math.max(length, words.length) - shared;
}

function editDistance(a: Int32Array, b: Int32Array): number {
  const row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      const substitution = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(substitution, above + 1, row[j - 1]! + 1);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
