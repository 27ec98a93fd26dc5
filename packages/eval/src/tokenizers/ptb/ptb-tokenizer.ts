/**
 * Stanford's PTBTokenizer 3.4.1 as coco-caption runs it (`-preserveLines -lowerCase`), and coco-caption's removal of punctuation.
 * Captions are read one by one: the reference joins them, but what it sees of the next caption decides only about sentence dots, which are removed anyway.
 */
import type { Tokenizer } from "../tokenizer.js";
import { lexLine } from "./lexer.js";

const PUNCTUATION = new Set([
  "''",
  "'",
  "``",
  "`",
  "-LRB-",
  "-RRB-",
  "-LCB-",
  "-RCB-",
  ".",
  "?",
  "!",
  ",",
  ":",
  "-",
  "--",
  "...",
  ";",
]);

// In the reference these would start a new output line and shift every later caption.
const LINE_BREAKS = /[\n\r\u0085\u2028\u2029\v\f]+/g;

// Java reads UTF-16: a character beyond the basic plane is two unknown ones, which only addresses can hold.
const SURROGATE = /[\uD800-\uDFFF]/g;
const UNKNOWN = "\uE000";

// Words of plain letters and single blanks, and at most a final dot that stands alone: most of any caption file.
const PLAIN = /^[a-z]+(?: [a-z]+)*(?: \.)? ?$/i;
const TAKEN_APART = /\b(?:cannot|gonna|gotta|lemme|gimme|wanna)\b/i;

/**
 * Every token, punctuation included, lower-cased.
 * @param next the caption after this one in the same run, null at the very end of the run: there `you'll` comes out as "you ` ll"
 */
export function ptbTokens(caption: string, next: string | null = ""): string[] {
  const line = caption.replace(LINE_BREAKS, " ");
  const run = next === null ? line : `${line}\n${next.replace(LINE_BREAKS, " ")}\n`;
  return lexLine(run.replace(SURROGATE, UNKNOWN), line.length, run).map((token) => token.toLowerCase());
}

/** coco-caption's filter: what is on its list goes, everything else stays, brackets (lower-cased by now) and "!!!" included. */
export function dropPunctuation(tokens: readonly string[]): string[] {
  return tokens.filter((token) => !PUNCTUATION.has(token));
}

/** What coco-caption's metrics see: PTB tokens without the listed punctuation, lower-cased. */
export const ptbTokenizer: Tokenizer = {
  name: "ptb-3.4.1",
  letterCase: "lc",
  tokenize(caption) {
    if (PLAIN.test(caption) && !TAKEN_APART.test(caption)) return caption.replace(/[ .]+$/, "").toLowerCase();
    return dropPunctuation(ptbTokens(caption)).join(" ");
  },
};
