import type { Tokenizer } from "./tokenizer.js";

// Property expressions rather than Intl.Segmenter: the segmenter's word boundaries come from ICU's dictionaries and change with the Node version (a build
// with small-icu has other ones), and a vocabulary must cut the same caption the same way for years. Properties of assigned characters and NFC are stable.

/** Scripts written without spaces: one word per letter, because only a dictionary could do better. */
const UNSPACED =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}\\p{Script=Tibetan}";

/** A letter with the marks on it; joiners belong to Indic and Persian spelling. */
const MARKS = "[\\p{M}\\u200c\\u200d]*";
const UNSPACED_LETTER = `(?=[${UNSPACED}])[\\p{L}\\p{Nl}]${MARKS}`;
/** The long-vowel sign is shared by both kana scripts, so it is named here; katakana spells loan words, which stay whole. */
const KATAKANA_WORD = `(?:(?:(?=\\p{Script=Katakana})\\p{L}|\\u30fc)${MARKS})+`;
const SPACED_LETTER = `(?![${UNSPACED}\\p{Script=Katakana}\\u30fc])\\p{L}${MARKS}`;
/** 3.5 and 1,000 are one word, as are 2nd and mp3. */
const NUMBER = `\\p{N}+(?:[.,]\\p{N}+)*${MARKS}`;
const RUN = `(?:${SPACED_LETTER}|${NUMBER})+`;
/** don't, l'homme, rock'n'roll: an apostrophe between letters belongs to the word. */
const SPACED_WORD = `${RUN}(?:'(?=\\p{L})${RUN})*`;

const WORDS = new RegExp(`${UNSPACED_LETTER}|${KATAKANA_WORD}|${SPACED_WORD}`, "gu");
const APOSTROPHES = /[\u2018\u2019\u02bc\uff07]/g;
/** Invisible characters without meaning for a word: soft hyphen, direction marks, byte order mark; and the Arabic tatweel, which only widens. */
const INVISIBLE = /(?![\u200c\u200d])\p{Cf}|\u0640/gu;

const JOINED_LETTER = new RegExp(`^(?:[${UNSPACED}\\p{Script=Katakana}]|\\u30fc)`, "u");

/**
 * For captions in any language: NFC, lower case (locale-independent), words are runs of letters, marks and digits with apostrophes inside them; hyphens split.
 * Scripts written without spaces give one word per letter, and are joined without spaces again.
 */
export const unicodeTokenizer: Tokenizer = {
  name: "unicode",
  tokenize: (caption) =>
    caption
      .normalize("NFC")
      .toLowerCase()
      .normalize("NFC")
      .replace(APOSTROPHES, "'")
      .replace(INVISIBLE, "")
      .match(WORDS) ?? [],
  detokenize: (words) => {
    let text = "";
    let previousJoins = false;
    for (const word of words) {
      const joins = JOINED_LETTER.test(word);
      text += text === "" || (joins && previousJoins) ? word : ` ${word}`;
      previousJoins = joins;
    }
    return text;
  },
};
