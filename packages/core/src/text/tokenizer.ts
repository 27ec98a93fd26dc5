import { expected, OptionError } from "../errors.js";
import { kerasTokenizer } from "./keras-tokenizer.js";
import { unicodeTokenizer } from "./unicode-tokenizer.js";

/** How captions become words. A tokenizer has no state and no options: its name in a vocabulary file says everything. */
export interface Tokenizer {
  readonly name: TokenizerName;
  /** Words in order; empty for a caption without any. */
  tokenize(caption: string): string[];
  /** Words as one line of text: what a generated caption is shown as. */
  detokenize(words: readonly string[]): string;
}

export const TOKENIZER_NAMES = ["keras", "unicode"] as const;
export type TokenizerName = (typeof TOKENIZER_NAMES)[number];

const TOKENIZERS: Readonly<Record<TokenizerName, Tokenizer>> = { keras: kerasTokenizer, unicode: unicodeTokenizer };

/**
 * `keras` for English captions and comparison with published results, `unicode` for every other language.
 * @throws OptionError for any other name.
 */
export function tokenizerByName(name: string): Tokenizer {
  if (!isTokenizerName(name)) {
    throw new OptionError(expected("one of keras, unicode", "tokenizer", name), {
      hint: 'Use "keras" for English captions as the reference recipe cuts them, "unicode" for other languages.',
    });
  }
  return TOKENIZERS[name];
}

function isTokenizerName(name: string): name is TokenizerName {
  return TOKENIZER_NAMES.some((known) => known === name);
}
