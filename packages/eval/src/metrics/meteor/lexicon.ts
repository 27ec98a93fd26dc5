/** What the matchers need to know about a word, looked up once per distinct word of a run. */
import { Interner } from "../../interner.js";
import { stemEnglish } from "./english-stemmer.js";
import { FUNCTION_WORDS } from "./function-words.js";
import type { SynonymTable } from "./synonym-table.js";

const NO_SETS = new Int32Array(0);

export class Lexicon {
  readonly #words = new Interner();
  readonly #stems = new Interner();
  readonly #synonyms: SynonymTable | undefined;
  readonly #stemIds: number[] = [];
  readonly #synonymSets: Int32Array[] = [];
  readonly #functionWord: boolean[] = [];

  /** @param synonyms left out where the synonym matcher does not run */
  constructor(synonyms: SynonymTable | undefined) {
    this.#synonyms = synonyms;
  }

  /** Word ids of a normalised caption. */
  read(text: string): Int32Array {
    if (text === "") return NO_SETS;
    const words = text.split(" ");
    const ids = new Int32Array(words.length);
    for (let i = 0; i < words.length; i++) ids[i] = this.#idOf(words[i]!);
    return ids;
  }

  /** Number of different words read so far; ids are below it. */
  get size(): number {
    return this.#words.size;
  }

  stem(id: number): number {
    return this.#stemIds[id]!;
  }

  /** Sorted synonym-set numbers of the word and of its base forms. */
  synonymSets(id: number): Int32Array {
    return this.#synonymSets[id]!;
  }

  isFunctionWord(id: number): boolean {
    return this.#functionWord[id]!;
  }

  #idOf(word: string): number {
    const id = this.#words.id(word);
    if (id === this.#stemIds.length) {
      this.#stemIds.push(this.#stems.id(stemEnglish(word)));
      this.#synonymSets.push(this.#synonyms?.setsOf(word) ?? NO_SETS);
      this.#functionWord.push(FUNCTION_WORDS.has(word));
    }
    return id;
  }
}
