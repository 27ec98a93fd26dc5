import type { Tokenizer } from "./tokenizer.js";

/** The characters that Keras 2.0.4 turns into spaces by default (keras.preprocessing.text.base_filter). The apostrophe is not among them. */
const FILTERED = /[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~\t\n]/g;

/**
 * The reference recipe's rule: lower case, punctuation except the apostrophe becomes a space, split at spaces (and at nothing else: a no-break space stays in
 * its word, as in Keras). "A boy's t-shirt." → a boy's t shirt.
 */
export const kerasTokenizer: Tokenizer = {
  name: "keras",
  tokenize: (caption) =>
    caption
      .toLowerCase()
      .replace(FILTERED, " ")
      .split(" ")
      .filter((word) => word !== ""),
  detokenize: (words) => words.join(" "),
};
