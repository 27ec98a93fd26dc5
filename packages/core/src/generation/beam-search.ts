import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import type { Tensor } from "../tensor.js";
import { FinishedList } from "./finished-list.js";
import type { Diversity } from "./generation-options.js";
import { Hypothesis } from "./hypothesis.js";
import { attentionOf, type ImageSearch } from "./image-search.js";
import { bestReachableScore } from "./length-penalty.js";
import { logProbOf, type NextTokenDistribution } from "./next-token-distribution.js";
import type { GeneratedCaption, SearchOptions } from "./search-options.js";
import type { TokenRules } from "./token-rules.js";
import { type Candidate, TopCandidates } from "./top-candidates.js";

/**
 * Beam search of one image as SearchOptions defines it; greedy search is its beam of one. With diversity, each group is a beam of its own, and only the
 * ranks of its candidates, never its scores, feel what the groups before it chose.
 */
export class BeamSearch implements ImageSearch {
  private readonly search: SearchOptions;
  private readonly diversity: Diversity;
  private readonly groups: BeamGroup[];

  /** @param row where the image's state lies before the first step */
  constructor(search: SearchOptions, rules: TokenRules, diversity: Diversity, row: number) {
    this.search = search;
    this.diversity = diversity;
    const width = search.beamWidth / diversity.groups;
    this.groups = Array.from({ length: diversity.groups }, () => new BeamGroup(search, rules, width, row));
  }

  get live(): readonly Hypothesis[] {
    return this.groups.flatMap((group) => group.live);
  }

  advance(distribution: NextTokenDistribution, attention: Tensor | undefined): void {
    const penalties = new Map<number, number>();
    for (const group of this.groups) {
      for (const { tokenId } of group.advance(distribution, attention, penalties)) {
        penalties.set(tokenId, (penalties.get(tokenId) ?? 0) + this.diversity.penalty);
      }
    }
  }

  captions(): GeneratedCaption[] {
    const perGroup = this.groups.map((group) => group.captions());
    return this.groups.length === 1 ? perGroup[0]! : takeTurns(perGroup, this.search.nBest);
  }
}

/** One beam: its live hypotheses, best first, and what has finished. */
class BeamGroup {
  live: Hypothesis[];
  /** Live ones at the end of a search that maxLength or a dead end stopped. */
  private cut: Hypothesis[] = [];
  private readonly finished: FinishedList;
  private readonly search: SearchOptions;
  private readonly rules: TokenRules;
  private readonly width: number;

  constructor(search: SearchOptions, rules: TokenRules, width: number, row: number) {
    this.search = search;
    this.rules = rules;
    this.width = width;
    this.live = [Hypothesis.empty(row)];
    this.finished = new FinishedList(Math.min(search.nBest, width), search);
  }

  /** @returns the hypotheses of the next beam, whether or not the search goes on with them */
  advance(
    distribution: NextTokenDistribution,
    attention: Tensor | undefined,
    penalties: ReadonlyMap<number, number>,
  ): readonly Hypothesis[] {
    if (this.live.length === 0) return [];
    const candidates = this.bestCandidates(distribution, penalties);
    const next: Hypothesis[] = [];
    for (const { tokenId, beam } of candidates) {
      const isEnd = tokenId === END_TOKEN_ID;
      if (!isEnd && next.length === this.width) continue;
      const parent = this.live[beam]!;
      const logProb = logProbOf(distribution, parent.row, tokenId);
      const hypothesis = parent.extend(tokenId, logProb, attentionOf(parent, attention));
      if (isEnd) this.finished.insert(hypothesis);
      else next.push(hypothesis);
    }
    if (candidates.length === 0) this.stop(this.live);
    else if (next[0]?.length === this.search.maxLength) this.stop(next);
    else if (this.cannotImprove(next)) this.stop([]);
    else this.live = next;
    return next;
  }

  captions(): GeneratedCaption[] {
    const finished = this.finished.hypotheses.map((hypothesis) => hypothesis.toCaption(this.search, false));
    const cut = this.cut.map((hypothesis) => hypothesis.toCaption(this.search, true));
    return [...finished, ...cut].slice(0, Math.min(this.search.nBest, this.width));
  }

  private bestCandidates(distribution: NextTokenDistribution, penalties: ReadonlyMap<number, number>): Candidate[] {
    const top = new TopCandidates(this.width === 1 ? 1 : 2 * this.width);
    for (const [beam, hypothesis] of this.live.entries()) {
      collectCandidates(top, beam, hypothesis, distribution, this.rules.after(hypothesis), penalties);
    }
    return top.sorted();
  }

  private cannotImprove(next: readonly Hypothesis[]): boolean {
    // With diversity the beam is ordered by rank, so the best score may stand anywhere in it.
    return next.every(({ score, length }) => bestReachableScore(score, length, this.search) <= this.finished.threshold);
  }

  private stop(cut: Hypothesis[]): void {
    this.live = [];
    this.cut = cut;
  }
}

/** Room for the rounding between the comparison in logits and the one in ranks, relative to their difference; float32 needs 6e-8. */
const ROUNDING_SLACK = 1e-6;

/** Offers the allowed next tokens of a hypothesis. The first comparison with the cutoff is made on raw values: almost all of them end there. */
function collectCandidates(
  top: TopCandidates,
  beam: number,
  hypothesis: Hypothesis,
  distribution: NextTokenDistribution,
  isAllowed: (tokenId: number) => boolean,
  penalties: ReadonlyMap<number, number>,
): void {
  const { values, vocabSize } = distribution;
  const normalizer = distribution.normalizers[hypothesis.row]!;
  const begin = hypothesis.row * vocabSize;
  const leastValue = () => {
    const leastLogProb = top.cutoff - hypothesis.score;
    return leastLogProb - ROUNDING_SLACK * (1 + Math.abs(leastLogProb)) + normalizer;
  };
  let least = leastValue();
  for (let tokenId = 0; tokenId < vocabSize; tokenId++) {
    const value = values[begin + tokenId]!;
    if (!(value >= least) || value === Number.NEGATIVE_INFINITY || !isAllowed(tokenId)) continue;
    const score = hypothesis.score + logProbOf(distribution, hypothesis.row, tokenId);
    top.offer(score - (penalties.get(tokenId) ?? 0), tokenId, beam);
    least = leastValue();
  }
}

/** The groups' captions in turns, best of each group first, without repetitions; then in order of score, finished ones first. */
function takeTurns(groups: readonly (readonly GeneratedCaption[])[], count: number): GeneratedCaption[] {
  const taken = new Map<string, GeneratedCaption>();
  const rounds = Math.max(...groups.map((group) => group.length));
  for (let round = 0; round < rounds; round++) {
    for (const group of groups) {
      const caption = group[round];
      if (caption === undefined || taken.size === count) continue;
      const key = caption.tokenIds.join(" ");
      if (!taken.has(key)) taken.set(key, caption);
    }
  }
  return [...taken.values()].sort(
    (a, b) => Number(a.endedByMaxLength) - Number(b.endedByMaxLength) || b.normalizedScore - a.normalizedScore,
  );
}
