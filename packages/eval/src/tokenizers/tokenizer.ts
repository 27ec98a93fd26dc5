/** Turns one caption into its tokens, joined with single blanks. Captions are independent of each other. */
export interface Tokenizer {
  /** As it stands in signatures: "ptb-3.4.1", "none". */
  readonly name: string;
  /** "lc" where tokens are lower-cased, "mixed" where they are left alone. */
  readonly letterCase: "lc" | "mixed";
  tokenize(caption: string): string;
}

/** For text that is tokenised already: nothing is changed. */
export const noTokenizer: Tokenizer = { name: "none", letterCase: "mixed", tokenize: (caption) => caption };

/**
 * Ends every caption, candidate or reference, with a marker, as some published tables did. A free match in every caption: for comparison with such tables only.
 */
export function withEndToken(tokenizer: Tokenizer, endToken: string): Tokenizer {
  return {
    ...tokenizer,
    tokenize: (caption) => {
      const text = tokenizer.tokenize(caption);
      return text === "" ? endToken : `${text} ${endToken}`;
    },
  };
}
