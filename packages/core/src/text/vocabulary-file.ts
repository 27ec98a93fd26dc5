import { createHash } from "node:crypto";
import { SPECIAL_TOKENS } from "../decoder/decoder-spec.js";
import { expected, VocabularyError } from "../errors.js";
import { TOKENIZER_NAMES, type TokenizerName } from "./tokenizer.js";
import type { UnknownRule, VocabularyStatistics } from "./vocabulary.js";

// The bytes of vocabulary.json: see docs/formats/vocabulary.md.

export const VOCABULARY_FORMAT = "showtell-vocabulary";
export const VOCABULARY_VERSION = 1;

/** Far above any captioning vocabulary; a file that claims more is damaged or hostile. */
export const MAX_VOCABULARY_TOKENS = 1_000_000;
/** UTF-16 units of one word. */
export const MAX_TOKEN_CHARACTERS = 1_000;

/** Everything a vocabulary file says, except what names and protects it. */
export interface VocabularyContent {
  readonly tokenizer: TokenizerName;
  readonly minCount: number;
  readonly unknown: UnknownRule;
  readonly statistics: Omit<VocabularyStatistics, "coverage">;
  readonly tokens: readonly string[];
  readonly counts: readonly number[];
}

export interface VocabularyFile extends VocabularyContent {
  readonly format: typeof VOCABULARY_FORMAT;
  readonly version: typeof VOCABULARY_VERSION;
  readonly sha256: string;
}

const KEYS = [
  "format",
  "version",
  "tokenizer",
  "minCount",
  "unknown",
  "statistics",
  "tokens",
  "counts",
  "sha256",
] as const;
const STATISTICS_KEYS = ["captions", "tokens", "distinct", "kept", "coveredTokens"] as const;

/** sha256 of the JSON array [tokenizer, minCount, unknown, tokens, counts, captions, tokens, distinct] without white space, in UTF-8. */
export function vocabularySha256(content: VocabularyContent): string {
  const { tokenizer, minCount, unknown, tokens, counts, statistics } = content;
  const hashed = [
    tokenizer,
    minCount,
    unknown,
    tokens,
    counts,
    statistics.captions,
    statistics.tokens,
    statistics.distinct,
  ];
  return createHash("sha256").update(JSON.stringify(hashed)).digest("hex");
}

/** @throws VocabularyError that names the source and the key at fault. */
export function parseVocabulary(json: unknown, source: string): VocabularyContent {
  const fail = (what: string, key: string, actual: unknown): never => {
    throw new VocabularyError(expected(what, `${key} of ${source}`, actual), {
      hint: "The file is damaged, edited by hand or of another version: take it from the checkpoint again, or train anew.",
    });
  };
  const file = recordOf(json) ?? fail("an object", "the content", json);
  if (file["format"] !== VOCABULARY_FORMAT) fail(JSON.stringify(VOCABULARY_FORMAT), "format", file["format"]);
  if (file["version"] !== VOCABULARY_VERSION) fail(`${VOCABULARY_VERSION}`, "version", file["version"]);
  for (const key of Object.keys(file)) {
    if (!KEYS.some((known) => known === key)) fail(`only the keys ${KEYS.join(", ")}`, "the content", key);
  }

  const tokenizer =
    TOKENIZER_NAMES.find((name) => name === file["tokenizer"]) ??
    fail(`one of ${TOKENIZER_NAMES.join(", ")}`, "tokenizer", file["tokenizer"]);
  const unknown =
    (["drop", "token"] as const).find((rule) => rule === file["unknown"]) ??
    fail("one of drop, token", "unknown", file["unknown"]);
  const minCount = file["minCount"];
  if (!isCount(minCount) || minCount < 1) return fail("a whole number of at least 1", "minCount", minCount);

  const tokens = parseTokens(file["tokens"], fail);
  const counts = file["counts"];
  if (!Array.isArray(counts) || counts.length !== tokens.length) {
    return fail(`${tokens.length} numbers`, "counts", Array.isArray(counts) ? `${counts.length} numbers` : counts);
  }
  counts.forEach((count, id) => {
    if (!isCount(count)) fail("a whole number of at least 0", `counts[${id}]`, count);
  });

  const statistics = parseStatistics(file["statistics"], tokens, counts, fail);
  const content: VocabularyContent = { tokenizer, minCount, unknown, statistics, tokens, counts };
  const sha256 = vocabularySha256(content);
  if (file["sha256"] !== sha256) fail(`the hash of its own content, ${sha256},`, "sha256", file["sha256"]);
  return content;
}

type Fail = (what: string, key: string, actual: unknown) => never;

function parseTokens(tokens: unknown, fail: Fail): string[] {
  if (!Array.isArray(tokens)) return fail("an array of words", "tokens", tokens);
  if (tokens.length > MAX_VOCABULARY_TOKENS) fail(`at most ${MAX_VOCABULARY_TOKENS} words`, "tokens", tokens.length);
  SPECIAL_TOKENS.forEach((special, id) => {
    if (tokens[id] !== special) fail(JSON.stringify(special), `tokens[${id}]`, tokens[id]);
  });
  const seen = new Set<string>();
  return tokens.map((token: unknown, id) => {
    if (typeof token !== "string" || token === "" || token.length > MAX_TOKEN_CHARACTERS) {
      return fail(`a word of 1 to ${MAX_TOKEN_CHARACTERS} characters`, `tokens[${id}]`, token);
    }
    if (seen.has(token)) fail("a word that occurs once", `tokens[${id}]`, token);
    seen.add(token);
    return token;
  });
}

function parseStatistics(
  value: unknown,
  tokens: readonly string[],
  counts: readonly number[],
  fail: Fail,
): VocabularyContent["statistics"] {
  const record = recordOf(value) ?? fail("an object", "statistics", value);
  for (const key of Object.keys(record)) {
    if (!STATISTICS_KEYS.some((known) => known === key)) {
      fail(`only the keys ${STATISTICS_KEYS.join(", ")}`, "statistics", key);
    }
  }
  const number = (key: (typeof STATISTICS_KEYS)[number]): number => {
    const count = record[key];
    return isCount(count) ? count : fail("a whole number of at least 0", `statistics.${key}`, count);
  };
  const statistics = {
    captions: number("captions"),
    tokens: number("tokens"),
    distinct: number("distinct"),
    kept: number("kept"),
    coveredTokens: number("coveredTokens"),
  };
  const words = tokens.length - SPECIAL_TOKENS.length;
  if (statistics.kept !== words) fail(`${words}, the number of words,`, "statistics.kept", statistics.kept);
  const covered = counts.slice(SPECIAL_TOKENS.length).reduce((sum, count) => sum + count, 0);
  if (statistics.coveredTokens !== covered) {
    fail(`${covered}, the sum of the words' counts,`, "statistics.coveredTokens", statistics.coveredTokens);
  }
  if (statistics.tokens < covered) fail(`at least ${covered}`, "statistics.tokens", statistics.tokens);
  if (statistics.distinct < words) fail(`at least ${words}`, "statistics.distinct", statistics.distinct);
  return statistics;
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
