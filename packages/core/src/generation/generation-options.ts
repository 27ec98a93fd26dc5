import { closestName } from "../closest-name.js";
import { END_TOKEN_ID, PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID } from "../decoder/decoder-spec.js";
import { expected, OptionError } from "../errors.js";
import type { SearchOptions } from "./search-options.js";

/**
 * How captions are generated. Everything is optional; absent (or `undefined`) means DEFAULT_SEARCH.
 * Giving `temperature`, `topK` or `topP` asks for sampling instead of a search: one hypothesis per image, the next token drawn at random.
 * Giving `consensus` searches that many captions an image and returns those first that have most in common with all of them.
 * Giving `diversityGroups` divides the beam (Vijayakumar et al. 2018, "Diverse Beam Search").
 */
export type GenerationOptions = { readonly [name in keyof SearchOptions]?: SearchOptions[name] | undefined } & {
  /** Sampling: logits are divided by it; > 0, 1 = the model's own distribution. */
  readonly temperature?: number | undefined;
  /** Sampling: only the k likeliest allowed tokens may be drawn; ≥ 1. */
  readonly topK?: number | undefined;
  /** Sampling: only the fewest likeliest tokens that together have this probability may be drawn (Holtzman et al. 2020, §3.1); 0 < p ≤ 1. */
  readonly topP?: number | undefined;
  /** Sampling: image i of the call draws from stream i of this seed, so that neither order nor batch size matters; 0 by default. */
  readonly seed?: number | undefined;
  /** Captions to search for, 2 or more, in place of beamWidth; the result is ordered by consensus (consensus.ts). */
  readonly consensus?: number | undefined;
  /** Groups the beam is divided into, searched one after another; must divide beamWidth. */
  readonly diversityGroups?: number | undefined;
  /** Taken off a candidate, when candidates are ordered, for each hypothesis of an earlier group that chose its token at this step; 0.5 by default. */
  readonly diversityPenalty?: number | undefined;
};

export interface Sampling {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
}

export interface Diversity {
  readonly groups: number;
  readonly penalty: number;
}

export interface ResolvedGenerationOptions {
  readonly search: SearchOptions;
  /** Captions returned of the `search.nBest` that vote. */
  readonly consensus?: { readonly nBest: number };
  readonly sampling?: Sampling;
  readonly diversity?: Diversity;
}

export const DEFAULT_SEARCH: SearchOptions = {
  beamWidth: 3,
  maxLength: 20,
  minLength: 1,
  lengthPenalty: 0.7,
  lengthPenaltyFormula: "average",
  nBest: 1,
  noRepeatNgramSize: 0,
  bannedTokens: [],
  forbiddenFirstWords: [],
  forcedPrefix: [],
};

const DEFAULT_SAMPLING: Sampling = { temperature: 1, topK: Number.POSITIVE_INFINITY, topP: 1, seed: 0 };
const DEFAULT_DIVERSITY_PENALTY = 0.5;
const FORMULAS = ["none", "average", "gnmt"] as const;
const OPTION_NAMES = new Set([
  ...Object.keys(DEFAULT_SEARCH),
  ...Object.keys(DEFAULT_SAMPLING),
  "consensus",
  "diversityGroups",
  "diversityPenalty",
]);

/** Beyond it, a mistyped number would fill the memory with hypotheses. */
const BEAM_WIDTH_LIMIT = 4096;
const LENGTH_LIMIT = 4096;

/**
 * Completes options, `defaults` (a checkpoint's) before DEFAULT_SEARCH, and checks them.
 * @throws OptionError for unknown names, impossible values and contradictions.
 */
export function resolveGenerationOptions(
  options: GenerationOptions,
  vocabSize: number,
  defaults: GenerationOptions = {},
): ResolvedGenerationOptions {
  for (const name of [...Object.keys(options), ...Object.keys(defaults)]) checkName(name);
  const samples = isSampling(layerOptions(defaults, options));
  // A beam width among the defaults speaks of searches; only one asked for beside sampling is a contradiction.
  const fallback = samples ? { ...DEFAULT_SEARCH, ...given(defaults), beamWidth: 1, nBest: 1 } : given(defaults);
  const all = { ...DEFAULT_SEARCH, ...fallback, ...given(options) } as Complete;
  const { consensus: candidates } = all;
  if (candidates !== undefined) checkConsensus(candidates, options);
  const search = checkSearch(candidates === undefined ? all : { ...all, beamWidth: candidates }, vocabSize);
  const sampling = resolveSampling(all);
  const diversity = resolveDiversity(samples ? options : all, search.beamWidth);
  const parts = { ...(sampling && { sampling }), ...(diversity && { diversity }) };
  if (candidates === undefined) return { search, ...parts };
  return { search: { ...search, nBest: candidates }, consensus: { nBest: search.nBest }, ...parts };
}

/** Whether words are drawn at random: each of these options alone asks for it. */
export function isSampling({ temperature, topK, topP }: GenerationOptions): boolean {
  return isGiven(temperature ?? topK ?? topP);
}

function checkConsensus(candidates: number, options: GenerationOptions): void {
  integer(candidates, "consensus", 2, BEAM_WIDTH_LIMIT, "20 is a good number of captions to choose from.");
  const hint = "consensus is the width of the beam.";
  demand(options.beamWidth === undefined, "consensus or beamWidth", "a search", "both", hint);
  demand(!isSampling(options), "a search", "consensus", "sampling");
}

function checkName(name: string): void {
  if (OPTION_NAMES.has(name)) return;
  const closest = closestName(name, OPTION_NAMES);
  throw new OptionError(expected("a known name", "generation option", name), {
    hint: closest ? `Did you mean ${closest}?` : `Known names: ${[...OPTION_NAMES].join(", ")}.`,
  });
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

/** Options of several sources, later ones before earlier ones; `undefined` is absent. */
export function layerOptions(...layers: readonly GenerationOptions[]): GenerationOptions {
  return Object.assign({}, ...layers.map(given));
}

function given(options: GenerationOptions): Partial<GenerationOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => isGiven(value)));
}

type Complete = SearchOptions & GenerationOptions;

function checkSearch(all: Complete, vocabSize: number): SearchOptions {
  integer(all.beamWidth, "beamWidth", 1, BEAM_WIDTH_LIMIT, "1 is greedy search, 3 a good default.");
  integer(all.maxLength, "maxLength", 1, LENGTH_LIMIT, "Lengths are in tokens, <end> counted.");
  integer(all.minLength, "minLength", 0, all.maxLength, "minLength cannot exceed maxLength.");
  integer(all.nBest, "nBest", 1, all.beamWidth, "nBest captions need a beamWidth of at least nBest.");
  integer(all.noRepeatNgramSize, "noRepeatNgramSize", 0, LENGTH_LIMIT, "0 switches it off.");
  demand(Number.isFinite(all.lengthPenalty), "a finite number", "lengthPenalty", all.lengthPenalty);
  demand(
    FORMULAS.includes(all.lengthPenaltyFormula),
    FORMULAS.join(" | "),
    "lengthPenaltyFormula",
    all.lengthPenaltyFormula,
  );
  tokenList(all.bannedTokens, "bannedTokens", vocabSize);
  tokenList(all.forbiddenFirstWords, "forbiddenFirstWords", vocabSize);
  tokenList(all.forcedPrefix, "forcedPrefix", vocabSize);
  demand(
    !all.bannedTokens.includes(END_TOKEN_ID),
    "words",
    "bannedTokens",
    "<end>",
    "Without <end> no caption can end.",
  );
  checkForcedPrefix(all);
  checkFirstWord(all, vocabSize);
  return {
    beamWidth: all.beamWidth,
    maxLength: all.maxLength,
    // 0 and 1 say the same: a caption holds at least <end>.
    minLength: Math.max(1, all.minLength),
    lengthPenalty: all.lengthPenalty,
    lengthPenaltyFormula: all.lengthPenaltyFormula,
    nBest: all.nBest,
    noRepeatNgramSize: all.noRepeatNgramSize,
    bannedTokens: [...all.bannedTokens],
    forbiddenFirstWords: [...all.forbiddenFirstWords],
    forcedPrefix: [...all.forcedPrefix],
  };
}

function checkForcedPrefix({ forcedPrefix, maxLength, bannedTokens, forbiddenFirstWords }: Complete): void {
  demand(
    forcedPrefix.length < maxLength,
    `fewer than maxLength = ${maxLength} words`,
    "forcedPrefix",
    forcedPrefix.length,
  );
  for (const tokenId of forcedPrefix) {
    const isWord = tokenId > UNKNOWN_TOKEN_ID && !bannedTokens.includes(tokenId);
    demand(isWord, "words that are not banned", "forcedPrefix", tokenId);
  }
  const first = forcedPrefix[0];
  if (first === undefined) return;
  demand(!forbiddenFirstWords.includes(first), "a first word that is not forbidden", "forcedPrefix", first);
}

function checkFirstWord({ bannedTokens, forbiddenFirstWords, minLength }: Complete, vocabSize: number): void {
  const excluded = new Set([PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID, ...bannedTokens, ...forbiddenFirstWords]);
  if (minLength > 1) excluded.add(END_TOKEN_ID);
  const allowedCount = vocabSize - excluded.size;
  demand(allowedCount > 0, "at least one allowed first word", "bannedTokens and forbiddenFirstWords", allowedCount);
}

function resolveSampling(all: Complete): Sampling | undefined {
  const { temperature, topK, topP, seed } = all;
  if (!isSampling(all)) {
    demand(
      seed === undefined,
      "no seed",
      "a search without sampling",
      seed,
      "Sampling starts with temperature, topK or topP.",
    );
    return undefined;
  }
  demand(
    all.beamWidth === 1,
    "beamWidth 1",
    "sampling",
    all.beamWidth,
    "Drop beamWidth, or drop temperature, topK and topP.",
  );
  const sampling = { ...DEFAULT_SAMPLING, ...given({ temperature, topK, topP, seed }) } as Sampling;
  const temperatureHint = "For greedy captions leave temperature out and set beamWidth to 1.";
  const isTemperature = Number.isFinite(sampling.temperature) && sampling.temperature > 0;
  demand(isTemperature, "a finite number > 0", "temperature", temperature, temperatureHint);
  if (topK !== undefined) integer(topK, "topK", 1, Number.MAX_SAFE_INTEGER);
  demand(sampling.topP > 0 && sampling.topP <= 1, "a probability 0 < p ≤ 1", "topP", topP);
  integer(sampling.seed, "seed", 0, Number.MAX_SAFE_INTEGER);
  return sampling;
}

function resolveDiversity(all: GenerationOptions, beamWidth: number): Diversity | undefined {
  const { diversityGroups: groups, diversityPenalty: penalty } = all;
  if (groups === undefined) {
    demand(penalty === undefined, "diversityGroups beside it", "diversityPenalty", penalty);
    return undefined;
  }
  integer(groups, "diversityGroups", 1, beamWidth, "A beam cannot have more groups than hypotheses.");
  demand(beamWidth % groups === 0, `a divisor of beamWidth = ${beamWidth}`, "diversityGroups", groups);
  const isPenalty = penalty === undefined || (Number.isFinite(penalty) && penalty >= 0);
  demand(isPenalty, "a finite number ≥ 0", "diversityPenalty", penalty);
  return { groups, penalty: penalty ?? DEFAULT_DIVERSITY_PENALTY };
}

function integer(value: unknown, name: string, least: number, most: number, hint?: string): void {
  const holds = Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
  demand(
    holds,
    most === Number.MAX_SAFE_INTEGER ? `an integer ≥ ${least}` : `an integer from ${least} to ${most}`,
    name,
    value,
    hint,
  );
}

function tokenList(value: unknown, name: string, vocabSize: number): void {
  demand(Array.isArray(value), "a list of token ids", name, value);
  for (const tokenId of value as unknown[])
    integer(tokenId, name, 0, vocabSize - 1, "Token ids come from the vocabulary.");
}

function demand(holds: boolean, what: string, name: string, actual: unknown, hint?: string): void {
  if (!holds) throw new OptionError(expected(what, name, actual), { hint });
}
