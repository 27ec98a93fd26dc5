/** Lists every possible match of a candidate with a reference, in the order METEOR's matchers find them. */
import { EvaluationError, expected } from "../../errors.js";
import type { Lexicon } from "./lexicon.js";
import type { Match } from "./match.js";
import { MATCHERS, type Matcher } from "./parameters.js";
import type { PhraseIndex } from "./phrase-index.js";
import { intersect } from "./synonym-table.js";

const EXACT = MATCHERS.indexOf("exact");
const STEM = MATCHERS.indexOf("stem");
const SYNONYM = MATCHERS.indexOf("synonym");
const PARAPHRASE = MATCHERS.indexOf("paraphrase");

/**
 * Most matches of one pair of sentences: what a word that both say a thousand times has. Time and memory of the search grow with it, some seconds and
 * 100 MB here; a hundred times as many would end the process. Captions have some dozens, a page of prose some thousands.
 */
const MATCH_LIMIT = 1_000_000;

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

  /**
   * @param place for messages: `image 7`
   * @returns one list per reference position
   * @throws EvaluationError for more than MATCH_LIMIT matches
   */
  find(candidate: Int32Array, reference: Int32Array, place: string): Match[][] {
    let count = 0;
    const countMore = (more: number) => {
      count += more;
      if (count <= MATCH_LIMIT) return;
      throw new EvaluationError(
        expected(`at most ${MATCH_LIMIT} pairs of matching words`, `METEOR of ${place}`, "more"),
        {
          hint: "A word that candidate and reference say 1000 times each has as many. Shorten the caption, or leave METEOR out.",
        },
      );
    };
    // Identical sentences are aligned by the exact matcher alone.
    const identical = sameWords(candidate, reference);
    const lists: Match[][] = [];
    for (let j = 0; j < reference.length; j++) {
      const list: Match[] = [];
      const word = reference[j]!;
      for (let i = 0; i < candidate.length; i++) if (candidate[i] === word) list.push(wordMatch(EXACT, i, j));
      if (this.#stems && !identical) this.#addStemMatches(candidate, word, j, list);
      if (this.#synonyms && !identical) this.#addSynonymMatches(candidate, word, j, list);
      countMore(list.length);
      lists.push(list);
    }
    if (!identical && this.#phrases !== undefined) {
      this.#findParaphrases(this.#phrases, candidate, reference, (match) => {
        countMore(1);
        lists[match.referenceStart]!.push(match);
      });
    }
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
  #findParaphrases(
    phrases: PhraseIndex,
    candidate: Int32Array,
    reference: Int32Array,
    add: (match: Match) => void,
  ): void {
    const matcher = PARAPHRASE;
    phrases.forEachPair(reference, candidate, (referenceStart, referenceLength, candidateStart, candidateLength) => {
      add({ matcher, referenceStart, referenceLength, candidateStart, candidateLength });
    });
    phrases.forEachPair(candidate, reference, (candidateStart, candidateLength, referenceStart, referenceLength) => {
      add({ matcher, referenceStart, referenceLength, candidateStart, candidateLength });
    });
  }
}

function wordMatch(matcher: number, i: number, j: number): Match {
  return { matcher, referenceStart: j, referenceLength: 1, candidateStart: i, candidateLength: 1 };
}

function sameWords(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
