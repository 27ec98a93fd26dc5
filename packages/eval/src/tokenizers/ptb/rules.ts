/**
 * The rules of Stanford's PTBTokenizer 3.4.1 with coco-caption's options, written from its behaviour. The longest match wins, context included; among equals the earlier rule.
 * Every pattern is sticky. Group 1 is the token; what the pattern matches after it is context: it counts for the length and is read again.
 */
import { anyOf, BEFORE_NUMBERS, SENTENCE_ENDERS, SENTENCE_STARTERS, TITLES } from "./abbreviations.js";
import {
  APOSTROPHE,
  BLANK,
  DIGIT,
  LETTER,
  LONE_SIGN,
  LOOSE_APOSTROPHE,
  QUOTE,
  WORD_CHARACTER,
  WORD_LETTER,
} from "./characters.js";
import { asWritten, straightQuote, withBrackets, withEntities, withNoBreakSpaces } from "./spelling.js";

export interface Rule {
  readonly pattern: RegExp;
  /** What the token looks like in the output, before lower-casing; an empty string drops it. */
  readonly spell: (token: string) => string;
  /** Characters at the token's end that are read a second time: the dot of an abbreviation that also ends the sentence. */
  readonly reread: number;
}

function rule(source: string, spell: (token: string) => string = asWritten, reread = 0): Rule {
  return { pattern: new RegExp(source, "uy"), spell, reread };
}

const WORD = `${WORD_LETTER}${WORD_CHARACTER}*(?:[.!?]${WORD_LETTER}${WORD_CHARACTER}*)*`;
const NUMBER = `(?:${DIGIT}*(?:[.:,\\u00AD\\u066B\\u066C]${DIGIT}+)+|${DIGIT}+)`;
const CONTRACTION = `${APOSTROPHE}(?:[msdMSD]|[rR][eE]|[vV][eE]|[lL][lL])`;
const NOT = `[nN]${LOOSE_APOSTROPHE}[tT]`;
const TAG =
  "<(?:[!?][A-Za-z-][^>\\n]*|/?[A-Za-z][A-Za-z0-9_:.-]*(?: +(?:[A-Za-z][A-Za-z0-9_:.-]*(?: *= *['\"][^\\n'\"]*['\"])?|['\"][^\\n'\"]*['\"]| */))*) *>";
const SPACING = `[${BLANK}\\n]`;
const SENTENCE_START = `${SPACING}(?:${SPACING}|[A-Z]|${TAG})`;
const LONG_ACRONYM =
  "[A-Za-z](?:\\.[A-Za-z])+|(?:Canada|Sino|Korean|EU|Japan|non)-U\\.S|U\\.S\\.-(?:U\\.K|U\\.S\\.S\\.R)";
const ACRONYM = `${LONG_ACRONYM}|[A-Za-z]`;
// After "U.S." these, capitalised, begin a new sentence.
const SENTENCE_STARTER = `(?:(?=[A-Z])${anyOf(SENTENCE_STARTERS)}|${TAG})[${BLANK}\\n]`;
const URL_CHARACTER = '[^ \\t\\n\\f\\r"<>|.!?(){},]';
// Host names without www hold no digit, capital or hyphen, but anything beyond ASCII.
const HOST_CHARACTER = "[#%&*+a-z~\\u0080-\\uFFFF]";
const FILE_TYPES =
  "class|docx|html|java|jpeg|bat|bmp|cgi|cpp|dll|doc|exe|gif|htm|jar|jpg|mov|mp3|pdf|php|png|ppt|sql|tar|txt|wav|xml|zip|gz|pl|ps|py|c|h|x";
const URL_PATH = '(?:/[^ \\t\\n\\f\\r"<>|()]+[^ \\t\\n\\f\\r"<>|.!?(){},-])?';
const HYPHENATED = `[A-Za-z0-9][A-Za-z0-9.,\\u00AD]*(?:-(?:(?:${LONG_ACRONYM})\\.|[A-Za-z0-9\\u00AD]+))+`;
// A part of a compound may carry a French or Irish prefix: o'clock, d'art.
const COMPOUND_PART = `(?:[dDoOlL]${LOOSE_APOSTROPHE}[${LETTER}${DIGIT}])?[${LETTER}${DIGIT}]+`;
const COMPOUND = `${COMPOUND_PART}(?:[-_\\u058A\\u2010\\u2011]${COMPOUND_PART})*`;
const AMPERSAND_NAME = "[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+";
const PART = "[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}";

export const RULES: readonly Rule[] = [
  rule("(&(?:nbsp);)", () => ""),
  rule(`(${TAG})`, withNoBreakSpaces),
  rule("(&(?:MD|mdash|ndash);|[\\u0096\\u0097\\u2013-\\u2015])", () => "--"),
  rule("(&amp;)", () => "&"),
  rule("(&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);)"),

  // Words written together that the treebank takes apart.
  rule("([cC][aA][nN])[nN][oO][tT]"),
  rule("([gG][oO][nN]|[wW][aA][nN])[nN][aA]"),
  rule("([gG][oO][tT])[tT][aA]"),
  rule("([lL][eE][mM]|[gG][iI][mM])[mM][eE]"),
  rule(`(${APOSTROPHE}[tT])(?:[iI][sS]|[wW][aA][sS])`),
  rule(
    "(-(?:RRB|LRB|RCB|LCB|RSB|LSB|rrb|lrb|rcb|lcb|rsb|lsb)-|C\\.D\\.s|pro-|anti-|S(?:&|&amp;)P-500|S(?:&|&amp;)Ls)",
    withEntities,
  ),
  rule(`([cC][aA][pP]${APOSTROPHE}[nN]|[cC]${APOSTROPHE}[eE][sS][tT])`),
  rule(`(${APOSTROPHE}[0-9][0-9])(?=[${BLANK}\\n]|$)`),
  rule("([cC]\\+\\+|[cCfF]#)"),

  // n't and the other contractions.
  rule(`([A-Za-z\\u00AD]*[A-MO-Za-mo-z]\\u00AD*)${NOT}`),
  rule(`(${WORD})${CONTRACTION}`, withEntities),
  rule(`(${WORD})`, withEntities),

  // Words with an apostrophe of their own.
  rule(
    `(${APOSTROPHE}[nN]${APOSTROPHE}?|[lLdDjJ]${APOSTROPHE}|[dD][uU][nN][kK][iI][nN]${APOSTROPHE}|[sS][oO][mM][eE][tT][hH][iI][nN]${APOSTROPHE}|[oO][lL]${APOSTROPHE}` +
      `|${APOSTROPHE}[eE][mM]|[cC]${APOSTROPHE}[mM][oO][nN]|${APOSTROPHE}[tT][iI][lL][lL]?|${APOSTROPHE}[cC][aA][uU][sS][eE])`,
  ),
  rule(`([A-HJ-XZn]${LOOSE_APOSTROPHE}${LETTER}{2,})`),
  rule(`(${CONTRACTION}|${NOT})[^A-Za-z]`, withEntities),
  rule(`(${APOSTROPHE}[2-9]0s)`),
  rule(`(${LETTER}${LETTER}*[aeiouyAEIOUY]${LOOSE_APOSTROPHE}[aeiouA-Z]${LETTER}*)`),
  rule(`([yY]${APOSTROPHE})${LETTER}`),

  // Addresses.
  rule('(https?://[^ \\t\\n\\f\\r"<>|(){}]+[^ \\t\\n\\f\\r"<>|.!?(){},-])'),
  rule(`(www\\.(?:${URL_CHARACTER}+\\.)+[a-zA-Z]{2,4}${URL_PATH})`),
  rule(`((?:${HOST_CHARACTER}+\\.)+(?:com|net|org|edu)${URL_PATH})`),
  rule(
    '((?:&lt;|<)?[a-zA-Z0-9][^ \\t\\n\\f\\r"<>|()\\u00A0{}]*@(?:[^ \\t\\n\\f\\r"<>|(){}.\\u00A0]+\\.)*[^ \\t\\n\\f\\r"<>|(){}.\\u00A0]+(?:&gt;|>)?)',
  ),
  rule("(@[a-zA-Z_][a-zA-Z_0-9]*)"),
  rule(`(#${WORD_LETTER}+)`),

  // Abbreviations and their dots.
  rule(`(${anyOf(SENTENCE_ENDERS)}\\.)${SENTENCE_START}`, asWritten, 1),
  rule(`(${anyOf(SENTENCE_ENDERS)}\\.)[^][^]`),
  rule(`(${anyOf(SENTENCE_ENDERS)}\\.)`, asWritten, 1),
  rule(`(${anyOf(TITLES)}\\.)`),
  rule(`([A-Za-z])\\.[${BLANK}\\n]+${SENTENCE_STARTER}`),
  rule(`((?:${LONG_ACRONYM})\\.)[${BLANK}\\n]+${SENTENCE_STARTER}`, asWritten, 1),
  rule(`((?:${ACRONYM})\\.)`),
  rule(`(${anyOf(BEFORE_NUMBERS)}\\.)[${BLANK}\\n]?${DIGIT}`),
  ...[WORD, HYPHENATED, COMPOUND, AMPERSAND_NAME].map((word) => rule(`(${word}\\.)[,;:\\u3001]`, withEntities)),

  // Compounds.
  rule(`(${AMPERSAND_NAME})`, withEntities),
  rule(`(${PART}(?:\\\\?/${PART}){1,2})`),
  rule(`(${HYPHENATED})`),
  rule(`(${COMPOUND})`, withEntities),
  rule(
    `([${LETTER}${DIGIT}]+(?:\\.[${LETTER}${DIGIT}]+)*\\.(?:${FILE_TYPES}|${FILE_TYPES.toUpperCase()}))(?=[${BLANK}\\n.?!,]|$)`,
  ),

  // Numbers, dates, money.
  rule(`(${DIGIT}{1,2}[-/]${DIGIT}{1,2}[-/]${DIGIT}{2,4})`),
  rule(`([-+]?${NUMBER})`, (token) => token.replaceAll("\u00AD", "")),
  rule(`((?:${DIGIT}{1,4}[- \\u00A0])?${DIGIT}{1,4}(?:\\\\?/|\\u2044)${DIGIT}{1,4})`, (token) =>
    token.replace(" ", "\u00A0"),
  ),
  rule("([\\u00BC\\u00BD\\u00BE\\u2153-\\u215E])", withEntities),
  rule("([\\u207A\\u207B\\u208A\\u208B]?(?:[\\u2070\\u00B9\\u00B2\\u00B3\\u2074-\\u2079]+|[\\u2080-\\u2089]+))"),
  rule("([A-Z]*\\$|#)"),
  rule(
    "([\\u00A2\\u00A3\\u00A4\\u00A5\\u0080\\u20A0\\u20AC\\u060B\\u0E3F\\u20A4\\uFFE0\\uFFE1\\uFFE5\\uFFE6])",
    withEntities,
  ),
  rule(
    "((?:\\([0-9]{2,3}\\)[ \\u00A0]?|(?:\\+\\+?)?(?:[0-9]{2,4}[- \\u00A0])?[0-9]{2,4}[- \\u00A0])[0-9]{3,4}[- \\u00A0]?[0-9]{3,5}|(?:(?:\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5})",
    (token) => withBrackets(withNoBreakSpaces(token)),
  ),

  // Punctuation.
  rule('(["]|&quot;)[A-Za-z0-9$]', () => "``"),
  rule('(["]|&quot;)', () => "''"),
  rule("([<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]])[^A-Za-z0-9]", withBrackets),
  rule("([-^x=~<>']_[-^x=~<>']|\\([-^x=~<>'][-_.]?[-^x=~<>'`]\\))", withBrackets),
  rule("(\\.{3,5}|(?:\\.[ \\u00A0]){2,4}\\.|[\\u0085\\u2026])", () => "..."),
  rule("(\\()", () => "-LRB-"),
  rule("(\\))", () => "-RRB-"),
  rule("(\\[)", () => "-LSB-"),
  rule("(\\])", () => "-RSB-"),
  rule("(\\{)", () => "-LCB-"),
  rule("(\\})", () => "-RCB-"),
  rule("(-+)", (token) => (token.length >= 2 && token.length <= 4 ? "--" : token)),
  rule("([?!]+)"),
  rule("(@+|#+|_+|\\*+|(?:\\\\\\*){1,3})"),
  rule("('')"),
  rule("(>>|<<)"),
  rule("('|&apos;)[A-Za-z][^ \\t\\n]", () => "`"),
  rule(`(${QUOTE})`, straightQuote),
  rule(`(${CONTRACTION}|${NOT})`, withEntities),
  rule("(&lt;)", () => "<"),
  rule("(&gt;)", () => ">"),
  rule("(\\u00AD)", () => "-"),
  rule(`([${LONE_SIGN}])`),
];
