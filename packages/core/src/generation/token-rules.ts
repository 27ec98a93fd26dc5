import { END_TOKEN_ID, PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID } from "../decoder/decoder-spec.js";
import type { Hypothesis } from "./hypothesis.js";
import type { SearchOptions } from "./search-options.js";

/** Which tokens may follow a hypothesis. */
export class TokenRules {
  private readonly search: SearchOptions;
  private readonly banned: ReadonlySet<number>;
  private readonly bannedFirst: ReadonlySet<number>;

  constructor(search: SearchOptions) {
    this.search = search;
    this.banned = new Set([PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID, ...search.bannedTokens]);
    this.bannedFirst = new Set([...this.banned, ...search.forbiddenFirstWords]);
  }

  /** The test for the token after `hypothesis`. */
  after(hypothesis: Hypothesis): (tokenId: number) => boolean {
    const { forcedPrefix, minLength, noRepeatNgramSize } = this.search;
    const forced = forcedPrefix[hypothesis.length];
    if (forced !== undefined) return (tokenId) => tokenId === forced;
    const banned = hypothesis.length === 0 ? this.bannedFirst : this.banned;
    const mayEnd = hypothesis.length + 1 >= minLength;
    const repeating = noRepeatNgramSize > 0 ? repeatingTokens(hypothesis.tokenIds(), noRepeatNgramSize) : undefined;
    return (tokenId) => !banned.has(tokenId) && (mayEnd || tokenId !== END_TOKEN_ID) && !repeating?.has(tokenId);
  }
}

/** Tokens that would complete an n-gram the caption already holds. */
function repeatingTokens(tokenIds: readonly number[], size: number): Set<number> {
  const repeating = new Set<number>();
  const tail = tokenIds.length - (size - 1);
  for (let begin = 0; begin < tail; begin++) {
    let matched = 0;
    while (matched < size - 1 && tokenIds[begin + matched] === tokenIds[tail + matched]) matched++;
    if (matched === size - 1) repeating.add(tokenIds[begin + size - 1]!);
  }
  return repeating;
}
