/**
 * METEOR 1.5's own normaliser (`-norm`, punctuation kept), which runs on whatever the tokeniser left. Each step works on the whole line, in the order below.
 * Java's regular expressions see one character per code point, hence the u flags.
 */
import { isNumericPrefix, isPrefix } from "./non-breaking-prefixes.js";

// METEOR's idea of a letter: Latin with accents up to U+017E, Cyrillic, phonetic extensions.
const LETTER = "A-Za-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u017E\\u0400-\\u0527\\u1D00-\\u1D7F";
const ALNUM = `${LETTER}0-9`;

const UNICODE_BLANK = /[\u00A0\u2000-\u200A\u202F\u205F\u3000]/gu;
const SYMBOL = new RegExp(`[^${ALNUM}\\t-\\r .'\`,\\-\\u2018\\u2019]`, "gu");
const DOT_RUN = /\.{2,}/gu;
const SPLIT_COMMA = /(?<![0-9]),|,(?![0-9])/gu;
const SINGLE_QUOTE = /[`\u2018\u2019]/gu;
const DOUBLE_QUOTE = /[\u201C\u201D]|''/gu;
const DASH = /\u2013|--/gu;
const HYPHEN = new RegExp(`([${ALNUM}.])-([${ALNUM}])`, "gu");
const APOSTROPHES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [new RegExp(`([^${LETTER}])'([^${LETTER}])`, "gu"), "$1 ' $2"],
  [new RegExp(`([^${ALNUM}])'([${LETTER}])`, "gu"), "$1 ' $2"],
  [new RegExp(`([${LETTER}])'([^${LETTER}])`, "gu"), "$1 ' $2"],
  [new RegExp(`([${LETTER}])'([${LETTER}])`, "gu"), "$1 '$2"],
  [/([0-9])'(s)/gu, "$1 '$2"],
];
const HAS_LETTER = new RegExp(`[${LETTER}]`, "u");
const STARTS_LOWER = /^\p{Ll}/u;
const STARTS_WITH_DIGIT = /^[0-9]/u;
const WHITE_SPACE = /[\t-\r ]+/u;

// Private-use stand-ins for the dots of an ellipsis, so that no later step takes them apart.
const PROTECTED_DOT = "\uE000";

// Where none of these occurs, no step changes the line.
const PLAIN = /^[a-z0-9]+(?: [a-z0-9]+)*$/;

/** Normalised, lower-cased words joined with single blanks. */
export function normalizeForMeteor(line: string): string {
  if (PLAIN.test(line)) return line;
  let text = ` ${line} `.replace(UNICODE_BLANK, " ").replace(SYMBOL, " $& ");
  text = text.replace(DOT_RUN, (dots) => ` ${PROTECTED_DOT.repeat(dots.length)} `);
  text = text.replace(SPLIT_COMMA, " , ");
  text = text.replace(SINGLE_QUOTE, "'").replace(DOUBLE_QUOTE, '"').replace(DASH, "-");
  text = text.replace(HYPHEN, "$1 $2");
  for (const [pattern, replacement] of APOSTROPHES) text = text.replace(pattern, replacement);
  const words = text.split(WHITE_SPACE).filter((word) => word !== "");
  return words
    .map((word, i) => splitFinalDot(word, words[i + 1] ?? ""))
    .join(" ")
    .replaceAll(PROTECTED_DOT, ".")
    .toLowerCase();
}

function splitFinalDot(word: string, next: string): string {
  if (word.length < 2 || !word.endsWith(".")) return word;
  const stem = word.slice(0, -1);
  if (stem.includes(".") && HAS_LETTER.test(stem)) return word.replaceAll(".", "");
  if (isPrefix(stem) || STARTS_LOWER.test(next)) return word;
  if (isNumericPrefix(stem) && STARTS_WITH_DIGIT.test(next)) return word;
  return `${stem} .`;
}
