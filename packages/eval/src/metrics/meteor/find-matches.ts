/** Lists every possible match of a candidate with a reference, in the order METEOR's matchers find them. */
import type { Lexicon } from "./lexicon.js";
import type { Match } from "./match.js";
import { MATCHERS, type Matcher } from "./parameters.js";
import type { PhraseIndex } from "./phrase-index.js";
import { intersect } from "./synonym-table.js";

type WordTest = (candidateWord: number, referenceWord: number) => boolean;

export class MatchFinder {
  readonly #wordTests: readonly (readonly [matcher: number, test: WordTest])[];
  readonly #phrases: PhraseIndex | undefined;

  constructor(lexicon: Lexicon, matchers: readonly Matcher[], phrases: PhraseIndex | undefined) {
    const tests: Record<Exclude<Matcher, "paraphrase">, WordTest> = {
      exact: (a, b) => a === b,
      stem: (a, b) => a !== b && lexicon.stem(a) === lexicon.stem(b),
      synonym: (a, b) => a !== b && intersect(lexicon.synonymSets(a), lexicon.synonymSets(b)),
    };
    this.#wordTests = matchers.flatMap((matcher) =>
      matcher === "paraphrase" ? [] : [[MATCHERS.indexOf(matcher), tests[matcher]] as const],
    );
    this.#phrases = matchers.includes("paraphrase") ? phrases : undefined;
  }

  /** @returns one list per reference position */
  find(candidate: Int32Array, reference: Int32Array): Match[][] {
    const lists: Match[][] = Array.from(reference, () => []);
    // Identical sentences are aligned by the exact matcher alone.
    const identical = sameWords(candidate, reference);
    for (const [matcher, test] of identical ? this.#wordTests.slice(0, 1) : this.#wordTests) {
      for (let j = 0; j < reference.length; j++) {
        for (let i = 0; i < candidate.length; i++) {
          if (test(candidate[i]!, reference[j]!)) {
            lists[j]!.push({ matcher, referenceStart: j, referenceLength: 1, candidateStart: i, candidateLength: 1 });
          }
        }
      }
    }
    if (!identical && this.#phrases !== undefined) this.#findParaphrases(this.#phrases, candidate, reference, lists);
    return lists;
  }

  /** Both directions, always; a pair listed in both is found twice, and the search counts on it. */
  #findParaphrases(phrases: PhraseIndex, candidate: Int32Array, reference: Int32Array, lists: Match[][]): void {
    const matcher = MATCHERS.indexOf("paraphrase");
    for (let j = 0; j < reference.length; j++) {
      phrases.forEachPair(reference, j, candidate, (referenceLength, candidateStart, candidateLength) => {
        lists[j]!.push({ matcher, referenceStart: j, referenceLength, candidateStart, candidateLength });
      });
    }
    for (let i = 0; i < candidate.length; i++) {
      phrases.forEachPair(candidate, i, reference, (candidateLength, referenceStart, referenceLength) => {
        lists[referenceStart]!.push({ matcher, referenceStart, referenceLength, candidateStart: i, candidateLength });
      });
    }
  }
}

function sameWords(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
