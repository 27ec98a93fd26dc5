/**
 * Snowball's stemmer for English (Porter2, M. F. Porter 2001, in its version of 2006, which METEOR 1.5 carries; later ones stem some words otherwise).
 * Regions: R1 begins behind the first consonant that follows a vowel, R2 likewise within R1. "Y" is a y that acts as a consonant.
 */

const MIN_LENGTH = 3;

/** Words with a stem of their own. */
const IRREGULAR: ReadonlyMap<string, string> = new Map([
  ["skis", "ski"],
  ["skies", "sky"],
  ["dying", "die"],
  ["lying", "lie"],
  ["tying", "tie"],
  ["idly", "idl"],
  ["gently", "gentl"],
  ["ugly", "ugli"],
  ["early", "earli"],
  ["only", "onli"],
  ["singly", "singl"],
  ...["sky", "news", "howe", "atlas", "cosmos", "bias", "andes"].map((word) => [word, word] as const),
]);

/** Words that are stems once their plural s is gone. */
const STEMS = new Set(["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"]);

/** Beginnings that R1 follows at once: without this, "generate" and "general" would meet. */
const LONG_PREFIX = /^(?:gener|commun|arsen)/;

const CONSONANT_Y = /^y|([aeiouy])y/g;
const VOWEL = /[aeiouy]/;
const REGION = /[aeiouy][^aeiouy]/g;
/** A short syllable at the end: consonant, vowel, consonant other than w, x, Y; or vowel, consonant as the whole word. */
const SHORT_SYLLABLE = /(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy])$/;
const DOUBLE_CONSONANT = /(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/;

type Endings = readonly (readonly [ending: string, replacement: string])[];

// Longest first: the longest ending found decides, even where its condition then fails.
const DERIVED: Endings = [
  ["ational", "ate"],
  ["fulness", "ful"],
  ["iveness", "ive"],
  ["ization", "ize"],
  ["ousness", "ous"],
  ["biliti", "ble"],
  ["lessli", "less"],
  ["tional", "tion"],
  ["alism", "al"],
  ["aliti", "al"],
  ["ation", "ate"],
  ["entli", "ent"],
  ["fulli", "ful"],
  ["iviti", "ive"],
  ["ousli", "ous"],
  ["abli", "able"],
  ["alli", "al"],
  ["anci", "ance"],
  ["ator", "ate"],
  ["enci", "ence"],
  ["izer", "ize"],
  ["bli", "ble"],
  ["ogi", "og"],
  ["li", ""],
];
const DERIVED_AGAIN: Endings = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["alize", "al"],
  ["ative", ""],
  ["icate", "ic"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ness", ""],
  ["ful", ""],
];
const REMOVED: Endings = "ement ance ence able ible ment ant ent ism ate iti ous ive ize ion al er ic"
  .split(" ")
  .map((ending) => [ending, ""] as const);

/** @param word in lower case */
export function stemEnglish(word: string): string {
  if (word.length < MIN_LENGTH) return word;
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  const marked = word.replace(/^'/, "").replace(CONSONANT_Y, "$1Y");
  const singular = withoutPlural(marked.replace(/'(?:s'?)?$/, ""));
  if (STEMS.has(singular)) return singular;
  return stemSingular(singular, regionsOf(marked)).replaceAll("Y", "y");
}

interface Regions {
  readonly r1: number;
  readonly r2: number;
}

function regionsOf(word: string): Regions {
  const r1 = LONG_PREFIX.exec(word)?.[0].length ?? regionAfter(word, 0);
  return { r1, r2: regionAfter(word, r1) };
}

function regionAfter(word: string, start: number): number {
  REGION.lastIndex = start;
  return REGION.test(word) ? REGION.lastIndex : word.length;
}

function withoutPlural(word: string): string {
  if (word.endsWith("sses")) return word.slice(0, -2);
  if (/ie[ds]$/.test(word)) return word.slice(0, word.length > 4 ? -2 : -1);
  if (/[us]s$/.test(word) || !/[aeiouy].+s$/s.test(word)) return word;
  return word.slice(0, -1);
}

function stemSingular(word: string, regions: Regions): string {
  let stem = withoutPastOrProgressive(word, regions.r1);
  if (/.[^aeiouy][yY]$/s.test(stem)) stem = `${stem.slice(0, -1)}i`;
  stem = replaceEnding(stem, DERIVED, (start, ending) => start >= regions.r1 && maySimplify(stem, start, ending));
  stem = replaceEnding(
    stem,
    DERIVED_AGAIN,
    (start, ending) => start >= (ending === "ative" ? Math.max(regions.r1, regions.r2) : regions.r1),
  );
  stem = replaceEnding(
    stem,
    REMOVED,
    (start, ending) => start >= regions.r2 && (ending !== "ion" || /[st]/.test(stem.charAt(start - 1))),
  );
  return withoutFinalLetter(stem, regions);
}

function withoutPastOrProgressive(word: string, r1: number): string {
  const ending = /(?:eed|ed|ing)(?:ly)?$/.exec(word);
  if (ending === null) return word;
  const stem = word.slice(0, ending.index);
  if (ending[0].startsWith("ee")) return ending.index >= r1 ? `${stem}ee` : word;
  if (!VOWEL.test(stem)) return word;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (DOUBLE_CONSONANT.test(stem)) return stem.slice(0, -1);
  return stem.length === r1 && SHORT_SYLLABLE.test(stem) ? `${stem}e` : stem;
}

function maySimplify(word: string, start: number, ending: string): boolean {
  if (ending === "li") return /[cdeghkmnrt]/.test(word.charAt(start - 1));
  return ending !== "ogi" || word.charAt(start - 1) === "l";
}

function replaceEnding(word: string, endings: Endings, allowed: (start: number, ending: string) => boolean): string {
  for (const [ending, replacement] of endings) {
    if (!word.endsWith(ending)) continue;
    const start = word.length - ending.length;
    return allowed(start, ending) ? word.slice(0, start) + replacement : word;
  }
  return word;
}

function withoutFinalLetter(word: string, { r1, r2 }: Regions): string {
  const start = word.length - 1;
  const shorter = word.slice(0, start);
  if (word.endsWith("e")) return start >= r2 || (start >= r1 && !SHORT_SYLLABLE.test(shorter)) ? shorter : word;
  return word.endsWith("ll") && start >= r2 ? shorter : word;
}
