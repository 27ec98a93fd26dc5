/** How the PTB lexer respells tokens: entities and fractions in plain characters, quotes as `` '' ` '. */

export function asWritten(token: string): string {
  return token;
}

const PLAIN: ReadonlyMap<string, string> = new Map([
  ["\u00BC", "1/4"],
  ["\u00BD", "1/2"],
  ["\u00BE", "3/4"],
  ["\u2153", "1/3"],
  ["\u2154", "2/3"],
  ["\u00A2", "cents"],
  ["\u00A3", "#"],
  ["\u0080", "$"],
  ["\u00A4", "$"],
  ["\u20A0", "$"],
  ["\u20AC", "$"],
]);

/** Resolves ampersands and apostrophes, fractions and currency signs; soft hyphens go. */
export function withEntities(token: string): string {
  return (
    PLAIN.get(token) ??
    token
      .replaceAll("&amp;", "&")
      .replaceAll("&apos;", "'")
      .replaceAll("\u00AD", "")
      .replace(/[\u0092\u2019]/g, "'")
      .replace(/[\u0091\u2018\u201B]/g, "`")
  );
}

const OPENING = /[`\u0091\u2018\u201B\u2039]/g;
const CLOSING = /[\u0092\u2019\u203A]/g;
const DOUBLE_OPENING = /[\u0093\u201C\u00AB]/g;
const DOUBLE_CLOSING = /[\u0094\u201D\u00BB]/g;

/** Quotation marks whose direction their own shape gives; straight ones close. */
export function straightQuote(quote: string): string {
  return quote
    .replaceAll("&apos;", "'")
    .replace(OPENING, "`")
    .replace(CLOSING, "'")
    .replace(DOUBLE_OPENING, "``")
    .replace(DOUBLE_CLOSING, "''");
}

/** Round brackets inside a token: smileys and telephone numbers. */
export function withBrackets(token: string): string {
  return token.replaceAll("(", "-LRB-").replaceAll(")", "-RRB-");
}

/** A token that holds blanks shows them as no-break spaces, so that splitting at blanks keeps it whole. */
export function withNoBreakSpaces(token: string): string {
  return token.replaceAll(" ", "\u00A0");
}
