/**
 * Synonym sets of English words from WordNet 3.0, in the compact text that scripts/build-wordnet-table.mjs writes.
 * One line a word, sorted: `word<TAB>sets` or, for an irregular form, `word<TAB>sets<TAB>sets of its base forms`; sets are blank-separated
 * base-36 numbers, two words share a number exactly when they share a WordNet offset. A word is found by halving the text, so nothing is parsed ahead.
 */
import { EvaluationError, expected } from "../../errors.js";

const HEADER = "showtell-wordnet 1\n";

// Regular endings and what replaces them, nouns before verbs before adjectives: the first result that is a word wins.
const ENDINGS: readonly (readonly [ending: string, replacement: string])[] = [
  ["s", ""],
  ["ses", "s"],
  ["xes", "x"],
  ["zes", "z"],
  ["ches", "ch"],
  ["shes", "sh"],
  ["men", "man"],
  ["ies", "y"],
  ["s", ""],
  ["ies", "y"],
  ["es", "e"],
  ["es", ""],
  ["ed", "e"],
  ["ed", ""],
  ["ing", "e"],
  ["ing", ""],
  ["er", ""],
  ["est", ""],
  ["er", "e"],
  ["est", "e"],
];

export class SynonymTable {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /**
   * @param text content of `@showtell/eval/wordnet-synonyms.txt`
   * @throws EvaluationError if the text is something else
   */
  static parse(text: string): SynonymTable {
    if (!text.startsWith(HEADER) || !text.endsWith("\n")) {
      throw new EvaluationError(expected("the synonym table of this package", "synonyms", text.slice(0, 40)), {
        hint: "Read data/wordnet-synonyms.txt of @showtell/eval.",
      });
    }
    return new SynonymTable(text);
  }

  /** Numbers of the sets that hold the word or one of its base forms, ascending; one that holds both may stand twice. */
  setsOf(word: string): Int32Array {
    const entry = this.#find(word);
    const sets = numbers(entry?.sets);
    if (entry?.baseSets !== undefined) return merged(sets, numbers(entry.baseSets));
    const base = this.#regularBase(word);
    return base === undefined ? sets : merged(sets, numbers(this.#find(base)?.sets));
  }

  #regularBase(word: string): string | undefined {
    if (word.length <= 2 || word.endsWith("ss")) return undefined;
    for (const [ending, replacement] of ENDINGS) {
      if (!word.endsWith(ending)) continue;
      const base = word.slice(0, word.length - ending.length) + replacement;
      const entry = this.#find(base);
      // An empty first field marks an irregular form that is no dictionary word itself.
      if (entry !== undefined && entry.sets !== "") return base;
    }
    return undefined;
  }

  #find(word: string): { readonly sets: string; readonly baseSets: string | undefined } | undefined {
    const text = this.#text;
    let low = HEADER.length;
    let high = text.length;
    while (low < high) {
      // The line that holds the middle; `low` and `high` always stand at line starts.
      const start = text.lastIndexOf("\n", (low + high) >>> 1) + 1;
      const line = start < low ? low : start === high ? text.lastIndexOf("\n", high - 2) + 1 : start;
      const tab = text.indexOf("\t", line);
      const found = text.slice(line, tab);
      if (found === word) {
        const [sets, baseSets] = text.slice(tab + 1, text.indexOf("\n", tab)).split("\t");
        return { sets: sets!, baseSets };
      }
      if (found < word) low = text.indexOf("\n", tab) + 1;
      else high = line;
    }
    return undefined;
  }
}

function numbers(field: string | undefined): Int32Array {
  if (field === undefined || field === "") return new Int32Array(0);
  const digits = field.split(" ");
  const values = new Int32Array(digits.length);
  for (let i = 0; i < digits.length; i++) values[i] = Number.parseInt(digits[i]!, 36);
  return values;
}

/** A number that stands in both lists stands twice in the result: `intersect` does not mind. */
function merged(a: Int32Array, b: Int32Array): Int32Array {
  if (b.length === 0) return a;
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both.sort();
}

/** Whether two sorted lists have a number in common. */
export function intersect(a: Int32Array, b: Int32Array): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const difference = a[i]! - b[j]!;
    if (difference === 0) return true;
    if (difference < 0) i++;
    else j++;
  }
  return false;
}
