/** Lists every possible match of a candidate with a reference, in the order METEOR's matchers find them. */
import type { Lexicon } from "./lexicon.js";
import type { Match } from "./match.js";
import { MATCHERS, type Matcher } from "./parameters.js";
import type { PhraseIndex } from "./phrase-index.js";
import { intersect } from "./synonym-table.js";

const EXACT = MATCHERS.indexOf("exact");
const STEM = MATCHERS.indexOf("stem");
const SYNONYM = MATCHERS.indexOf("synonym");
const PARAPHRASE = MATCHERS.indexOf("paraphrase");

export class MatchFinder {
  readonly #lexicon: Lexicon;
  readonly #stems: boolean;
  readonly #synonyms: boolean;
  readonly #phrases: PhraseIndex | undefined;

  constructor(lexicon: Lexicon, matchers: readonly Matcher[], phrases: PhraseIndex | undefined) {
    this.#lexicon = lexicon;
    this.#stems = matchers.includes("stem");
    this.#synonyms = matchers.includes("synonym");
    this.#phrases = matchers.includes("paraphrase") ? phrases : undefined;
  }

  /** @returns one list per reference position */
  find(candidate: Int32Array, reference: Int32Array): Match[][] {
    // Identical sentences are aligned by the exact matcher alone.
    const identical = sameWords(candidate, reference);
    const lists: Match[][] = [];
    for (let j = 0; j < reference.length; j++) {
      const list: Match[] = [];
      const word = reference[j]!;
      for (let i = 0; i < candidate.length; i++) if (candidate[i] === word) list.push(wordMatch(EXACT, i, j));
      if (this.#stems && !identical) this.#addStemMatches(candidate, word, j, list);
      if (this.#synonyms && !identical) this.#addSynonymMatches(candidate, word, j, list);
      lists.push(list);
    }
    if (!identical && this.#phrases !== undefined) this.#findParaphrases(this.#phrases, candidate, reference, lists);
    return lists;
  }

  #addStemMatches(candidate: Int32Array, word: number, j: number, list: Match[]): void {
    const stem = this.#lexicon.stem(word);
    for (let i = 0; i < candidate.length; i++) {
      if (candidate[i] !== word && this.#lexicon.stem(candidate[i]!) === stem) list.push(wordMatch(STEM, i, j));
    }
  }

  #addSynonymMatches(candidate: Int32Array, word: number, j: number, list: Match[]): void {
    const sets = this.#lexicon.synonymSets(word);
    if (sets.length === 0) return;
    for (let i = 0; i < candidate.length; i++) {
      if (candidate[i] !== word && intersect(this.#lexicon.synonymSets(candidate[i]!), sets))
        list.push(wordMatch(SYNONYM, i, j));
    }
  }

  /** Both directions, always; a pair listed in both is found twice, and the search counts on it. */
  #findParaphrases(phrases: PhraseIndex, candidate: Int32Array, reference: Int32Array, lists: Match[][]): void {
    const matcher = PARAPHRASE;
    phrases.forEachPair(reference, candidate, (referenceStart, referenceLength, candidateStart, candidateLength) => {
      lists[referenceStart]!.push({ matcher, referenceStart, referenceLength, candidateStart, candidateLength });
    });
    phrases.forEachPair(candidate, reference, (candidateStart, candidateLength, referenceStart, referenceLength) => {
      lists[referenceStart]!.push({ matcher, referenceStart, referenceLength, candidateStart, candidateLength });
    });
  }
}

function wordMatch(matcher: number, i: number, j: number): Match {
  return { matcher, referenceStart: j, referenceLength: 1, candidateStart: i, candidateLength: 1 };
}

function sameWords(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
