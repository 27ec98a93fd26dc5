/**
 * A corpus is what every metric reads: captions tokenised once, words replaced by integers, images in the order given.
 * Word lists follow Python's `str.split()`; ROUGE-L, which splits on single blanks, asks for `blankSplit` where the two differ.
 */
import { EvaluationError, expected } from "./errors.js";
import { Interner } from "./interner.js";
import type { Tokenizer } from "./tokenizers/tokenizer.js";

/** One image: the caption to be judged and what people wrote. */
export interface CaptionPair {
  readonly id: string;
  readonly candidate: string;
  readonly references: readonly string[];
}

/** A tokenised caption. */
export interface TokenizedCaption {
  /** Tokens joined with one blank. */
  readonly text: string;
  /** Word ids, split on any white space. */
  readonly words: Int32Array;
}

export interface TokenizedPair {
  readonly id: string;
  readonly candidate: TokenizedCaption;
  readonly references: readonly TokenizedCaption[];
}

// Python's str.split() separators. U+00A0 matters: PTB puts it inside phone numbers and mixed fractions.
const PYTHON_WHITE_SPACE = "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WHITE_SPACE_RUN = new RegExp(`[${PYTHON_WHITE_SPACE}]+`);
const UNUSUAL_SPACING = new RegExp(`^ |  | $|^$|(?! )[${PYTHON_WHITE_SPACE}]`);

export class Corpus {
  readonly vocabulary: Interner;
  readonly tokenizerName: string;
  readonly letterCase: Tokenizer["letterCase"];
  readonly pairs: readonly TokenizedPair[];
  readonly #derived = new Map<string, unknown>();

  /** @internal use `prepare` */
  constructor(pairs: readonly TokenizedPair[], vocabulary: Interner, tokenizer: Tokenizer) {
    this.pairs = pairs;
    this.vocabulary = vocabulary;
    this.tokenizerName = tokenizer.name;
    this.letterCase = tokenizer.letterCase;
  }

  /**
   * Tokenises every caption once.
   * @throws EvaluationError for an id that occurs twice, an image without references, or what is no text.
   */
  static prepare(pairs: Iterable<CaptionPair>, tokenizer: Tokenizer): Corpus {
    const builder = new CorpusBuilder(tokenizer);
    for (const pair of pairs) builder.add(pair);
    return builder.finish();
  }

  /** As `prepare`, for sets that arrive piece by piece: raw text is dropped as soon as it is tokenised. */
  static async prepareStream(pairs: AsyncIterable<CaptionPair>, tokenizer: Tokenizer): Promise<Corpus> {
    const builder = new CorpusBuilder(tokenizer);
    for await (const pair of pairs) builder.add(pair);
    return builder.finish();
  }

  get size(): number {
    return this.pairs.length;
  }

  /** Computes something once per corpus: BLEU-1 to BLEU-4 share their counts, both CIDErs their document frequencies. */
  derive<T>(key: string, compute: () => T): T {
    if (!this.#derived.has(key)) this.#derived.set(key, compute());
    return this.#derived.get(key) as T;
  }

  /** Word ids as `text.split(" ")` gives them: an empty caption is one empty word. */
  blankSplit(caption: TokenizedCaption): Int32Array {
    if (!UNUSUAL_SPACING.test(caption.text)) return caption.words;
    return Int32Array.from(caption.text.split(" "), (word) => this.vocabulary.id(word));
  }
}

class CorpusBuilder {
  readonly #tokenizer: Tokenizer;
  readonly #vocabulary = new Interner();
  readonly #pairs: TokenizedPair[] = [];
  readonly #ids = new Set<string>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  add(pair: CaptionPair): void {
    checkPair(pair);
    if (this.#ids.has(pair.id)) {
      throw new EvaluationError(expected("each id once", "id", pair.id), {
        hint: "Give one candidate caption per image.",
      });
    }
    if (pair.references.length === 0) {
      throw new EvaluationError(expected("at least one reference caption", `image ${pair.id}`, []), {
        hint: "Remove the image, or give it references.",
      });
    }
    this.#ids.add(pair.id);
    this.#pairs.push({
      id: pair.id,
      candidate: this.#tokenize(pair.candidate),
      references: pair.references.map((text) => this.#tokenize(text)),
    });
  }

  finish(): Corpus {
    return new Corpus(this.#pairs, this.#vocabulary, this.#tokenizer);
  }

  #tokenize(caption: string): TokenizedCaption {
    const text = this.#tokenizer.tokenize(caption);
    return { text, words: wordIds(text, this.#vocabulary) };
  }
}

function checkPair(pair: CaptionPair): void {
  if (typeof pair !== "object" || pair === null)
    throw new EvaluationError(expected("an object with id, candidate and references", "an image", pair));
  const { id, candidate, references } = pair;
  if (typeof candidate !== "string")
    throw new EvaluationError(expected("a caption", `the candidate of image ${id}`, candidate));
  if (!Array.isArray(references))
    throw new EvaluationError(expected("a list of captions", `the references of image ${id}`, references));
  for (const reference of references) {
    if (typeof reference !== "string")
      throw new EvaluationError(expected("a caption", `a reference of image ${id}`, reference));
  }
}

/** Word ids of a tokenised caption, split on any white space. */
export function wordIds(text: string, vocabulary: Interner): Int32Array {
  const words = UNUSUAL_SPACING.test(text)
    ? text.split(WHITE_SPACE_RUN).filter((word) => word !== "")
    : text.split(" ");
  const ids = new Int32Array(words.length);
  for (let i = 0; i < words.length; i++) ids[i] = vocabulary.id(words[i]!);
  return ids;
}
