import {
  END_TOKEN_ID,
  PAD_TOKEN_ID,
  SPECIAL_TOKENS,
  START_TOKEN_ID,
  UNKNOWN_TOKEN_ID,
} from "../decoder/decoder-spec.js";
import { expected, VocabularyError } from "../errors.js";
import { compareCodePoints } from "./code-point-order.js";
import type { Tokenizer, TokenizerName } from "./tokenizer.js";
import { tokenizerByName } from "./tokenizer.js";
import {
  MAX_TOKEN_CHARACTERS,
  MAX_VOCABULARY_TOKENS,
  parseVocabulary,
  VOCABULARY_FORMAT,
  VOCABULARY_VERSION,
  type VocabularyContent,
  type VocabularyFile,
  vocabularySha256,
} from "./vocabulary-file.js";

/** What becomes of a word that is not in the vocabulary: left out of the sentence (the reference recipe), or replaced by `<unk>`. */
export type UnknownRule = "drop" | "token";

export interface VocabularyOptions {
  /** Default "keras". */
  readonly tokenizer?: TokenizerName;
  /** Fewest occurrences in the training captions for a word to be kept; default 5. */
  readonly minCount?: number;
  /** Default "drop". */
  readonly unknown?: UnknownRule;
}

/** Over the captions the vocabulary was built from. Words are counted before `<end>` is added. */
export interface VocabularyStatistics {
  readonly captions: number;
  /** Running words. */
  readonly tokens: number;
  /** Different words. */
  readonly distinct: number;
  /** Different words in the vocabulary, special tokens not counted. */
  readonly kept: number;
  /** Running words that are in the vocabulary. */
  readonly coveredTokens: number;
  /** coveredTokens / tokens, 0 … 1. */
  readonly coverage: number;
}

/** Words and their ids: `<pad> <start> <end> <unk>` are 0 … 3, words follow by descending count, equal counts in code-point order. Immutable. */
export class Vocabulary {
  readonly tokenizer: Tokenizer;
  readonly minCount: number;
  readonly unknown: UnknownRule;
  /** Token of each id, special tokens included: `[vocabSize]`. */
  readonly tokens: readonly string[];
  /**
   * Occurrences of each token in the training targets, `[vocabSize]`: `<end>` once a caption, `<unk>` once for each word it stands for (0 under "drop"),
   * `<start>` once a caption, `<pad>` 0.
   */
  readonly counts: readonly number[];
  readonly statistics: VocabularyStatistics;
  /** Of everything that decides ids and words. Two vocabularies with the same sha256 are interchangeable. */
  readonly sha256: string;
  private readonly ids: ReadonlyMap<string, number>;

  private constructor(content: VocabularyContent) {
    this.tokenizer = tokenizerByName(content.tokenizer);
    this.minCount = content.minCount;
    this.unknown = content.unknown;
    this.tokens = Object.freeze([...content.tokens]);
    this.counts = Object.freeze([...content.counts]);
    const { captions, tokens, distinct, kept, coveredTokens } = content.statistics;
    const coverage = tokens === 0 ? 0 : coveredTokens / tokens;
    this.statistics = Object.freeze({ captions, tokens, distinct, kept, coveredTokens, coverage });
    this.sha256 = vocabularySha256(content);
    this.ids = new Map(content.tokens.map((token, id) => [token, id]));
  }

  /**
   * Counts the words of the training captions and keeps the frequent ones.
   * @throws VocabularyError when no word is frequent enough, or an option is impossible.
   */
  static build(captions: Iterable<string>, options: VocabularyOptions = {}): Vocabulary {
    const { tokenizer: name = "keras", minCount = 5, unknown = "drop" } = options;
    const tokenizer = tokenizerByName(name);
    if (!Number.isSafeInteger(minCount) || minCount < 1) {
      throw new VocabularyError(expected("a whole number of at least 1", "minCount", minCount));
    }
    if (unknown !== "drop" && unknown !== "token") {
      throw new VocabularyError(expected("one of drop, token", "unknown", unknown));
    }
    const { counts, captionCount, tokenCount } = countWords(captions, tokenizer);
    const kept = [...counts].filter(([, count]) => count >= minCount);
    if (kept.length === 0) {
      throw new VocabularyError(
        expected(
          `a word that occurs at least ${minCount} times`,
          "the training captions",
          `${counts.size} different words in ${captionCount} captions`,
        ),
        { hint: "Lower minCount, or look at the dataset with `showtell doctor --data`." },
      );
    }
    if (kept.length + SPECIAL_TOKENS.length > MAX_VOCABULARY_TOKENS) {
      throw new VocabularyError(expected(`at most ${MAX_VOCABULARY_TOKENS} tokens`, "the vocabulary", kept.length), {
        hint: "Raise minCount.",
      });
    }
    kept.sort(([wordA, countA], [wordB, countB]) => countB - countA || compareCodePoints(wordA, wordB));
    const coveredTokens = kept.reduce((sum, [, count]) => sum + count, 0);
    return new Vocabulary({
      tokenizer: tokenizer.name,
      minCount,
      unknown,
      tokens: [...SPECIAL_TOKENS, ...kept.map(([word]) => word)],
      counts: [
        0,
        captionCount,
        captionCount,
        unknown === "token" ? tokenCount - coveredTokens : 0,
        ...kept.map(([, count]) => count),
      ],
      statistics: {
        captions: captionCount,
        tokens: tokenCount,
        distinct: counts.size,
        kept: kept.length,
        coveredTokens,
      },
    });
  }

  /**
   * Reads what `toJSON` wrote: strict about every key, type, size and the sha256.
   * @param json the parsed file
   * @param source named in errors: the file's path
   * @throws VocabularyError
   */
  static parse(json: unknown, source: string): Vocabulary {
    return new Vocabulary(parseVocabulary(json, source));
  }

  /** The content of `vocabulary.json`; the same vocabulary always gives the same text. */
  toJSON(): VocabularyFile {
    const { coverage: _, ...statistics } = this.statistics;
    return {
      format: VOCABULARY_FORMAT,
      version: VOCABULARY_VERSION,
      tokenizer: this.tokenizer.name,
      minCount: this.minCount,
      unknown: this.unknown,
      statistics,
      tokens: this.tokens,
      counts: this.counts,
      sha256: this.sha256,
    };
  }

  /** vocabSize: words and the four special tokens. */
  get size(): number {
    return this.tokens.length;
  }

  /** Id of a word as the tokenizer gives it, or undefined. */
  idOf(word: string): number | undefined {
    return this.ids.get(word);
  }

  /** Ids of a caption's words, without `<start>` and `<end>`; a word that is not in the vocabulary is skipped or becomes `<unk>`, as `unknown` says. */
  encode(caption: string): number[] {
    const ids: number[] = [];
    for (const word of this.tokenizer.tokenize(caption)) {
      const id = this.ids.get(word);
      if (id !== undefined) ids.push(id);
      else if (this.unknown === "token") ids.push(UNKNOWN_TOKEN_ID);
    }
    return ids;
  }

  /** The words of the ids up to `<end>`; special tokens are left out. */
  decodeWords(tokenIds: Iterable<number>): string[] {
    const words: string[] = [];
    for (const id of tokenIds) {
      const token = this.tokens[id];
      if (token === undefined) {
        throw new VocabularyError(expected(`a whole number from 0 to ${this.size - 1}`, "token id", id), {
          hint: "The token ids come from a model with another vocabulary.",
        });
      }
      if (id === END_TOKEN_ID) break;
      if (id !== PAD_TOKEN_ID && id !== START_TOKEN_ID && id !== UNKNOWN_TOKEN_ID) words.push(token);
    }
    return words;
  }

  /**
   * The caption that the ids spell, up to `<end>`.
   * @throws VocabularyError for an id outside the vocabulary.
   */
  decode(tokenIds: Iterable<number>): string {
    return this.tokenizer.detokenize(this.decodeWords(tokenIds));
  }
}

function countWords(captions: Iterable<string>, tokenizer: Tokenizer) {
  const counts = new Map<string, number>();
  let captionCount = 0;
  let tokenCount = 0;
  for (const caption of captions) {
    captionCount += 1;
    for (const word of tokenizer.tokenize(caption)) {
      if (word.length > MAX_TOKEN_CHARACTERS) {
        throw new VocabularyError(
          expected(`words of at most ${MAX_TOKEN_CHARACTERS} characters`, "the captions", word),
        );
      }
      counts.set(word, (counts.get(word) ?? 0) + 1);
      tokenCount += 1;
    }
  }
  return { counts, captionCount, tokenCount };
}
