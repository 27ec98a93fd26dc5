/**
 * Abbreviations of the PTB lexer, found by asking the reference program about every dictionary word and every run of up to four letters. Lower case; case does not count.
 */

/** Keep their dot and never end a sentence: titles and the like. Single letters belong here too. */
export const TITLES =
  "adj adm adv alex assoc asst atty attys ave brig capt cf cie cmdr col comdr cpl dept det dr drs elec ens ft gen gov govs hon insp invt jos lieut lt maj " +
  "messrs mfg mlle mme mr mrs ms msgr mt mtg natl pfc ph pres prof profs pvt rep reps rev sen sens sfc sgt spc st ste supt supts treas vs wm";

/** Keep their dot, and give up a second one where a capital, a tag or the end follows: months, states, companies. */
export const SENTENCE_ENDERS =
  "al ala apr ariz assn aug bancorp bhd bldg blvd bros calif co colo conn corp cos ct dak dec esq est etc ext feb fla fri ga inc ind intl jan jr jul jun kan " +
  "kans ky ltd mar md mich minn mo mon mont neb nev nov oct okla penn plc ppte ppty pte ptes pty ptys rd rt sep sept seq sq sr sys tel tenn thu thurs tue tues " +
  "univ va vt wed wis wisc wyo ed.d ph.d";

/** Keep their dot before a number only. */
export const BEFORE_NUMBERS = "art ca fig figs no nos op pp prop";

/** Words that, capitalised, begin a new sentence after an acronym. */
export const SENTENCE_STARTERS =
  "a about according additionally after an as at but earlier he her here however if in it last many more mr. now once one other our she since so some such that " +
  "the their then there these they this we what when while yet you";

/** A pattern that matches one of the words whatever its case, longest first. */
export function anyOf(words: string): string {
  const patterns = words
    .split(" ")
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`).replaceAll(".", "\\."));
  return `(?:${patterns.join("|")})`;
}
