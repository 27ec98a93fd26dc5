/** Longest-match scanner over the rules. */
import { RULES } from "./rules.js";

// Shortcuts for most of ordinary text: words of plain letters and commas with a blank behind them. No rule reaches beyond that blank.
const PLAIN_WORD = /[A-Za-z]+(?= )/y;
const TAKEN_APART = /^(?:cannot|gonna|gotta|lemme|gimme|wanna)$/i;
const BLANK = 0x20;
const COMMA = 0x2c;

/**
 * Tokens of one line, in their original case.
 * @param text the line and what the lexer may look ahead at
 * @param end where the line ends in `text`
 * @param spelled the same characters as they are to appear in tokens, where `text` stands in for some
 */
export function lexLine(text: string, end: number, spelled = text): string[] {
  const tokens: string[] = [];
  let at = 0;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code === BLANK) {
      at++;
      continue;
    }
    if (code === COMMA && text.charCodeAt(at + 1) === BLANK) {
      tokens.push(",");
      at += 2;
      continue;
    }
    PLAIN_WORD.lastIndex = at;
    const word = PLAIN_WORD.exec(text)?.[0];
    if (word !== undefined && !TAKEN_APART.test(word)) {
      tokens.push(word);
      at += word.length;
      continue;
    }
    at += lexToken(text, at, spelled, tokens);
  }
  return tokens;
}

/** Adds the token at a position; returns how far to go on. A character no rule accepts is passed over. */
function lexToken(text: string, at: number, spelled: string, tokens: string[]): number {
  let longest = 0;
  let length = 0;
  let winner = RULES[0]!;
  for (const rule of RULES) {
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(text);
    if (match === null || match[0].length <= longest) continue;
    longest = match[0].length;
    length = match[1]!.length;
    winner = rule;
  }
  if (longest === 0) return 1;
  const token = winner.spell(spelled.slice(at, at + length));
  if (token !== "") tokens.push(token);
  return length - winner.reread;
}
