/** Turns one caption into its tokens, joined with single blanks. Captions are independent of each other. */
export interface Tokenizer {
  /** As it stands in signatures: "ptb-3.4.1", "none". */
  readonly name: string;
  tokenize(caption: string): string;
}

/** For text that is tokenised already: nothing is changed. */
export const noTokenizer: Tokenizer = { name: "none", tokenize: (caption) => caption };
