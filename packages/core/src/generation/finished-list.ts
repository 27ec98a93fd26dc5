import type { Hypothesis } from "./hypothesis.js";
import { normalizeScore } from "./length-penalty.js";
import type { SearchOptions } from "./search-options.js";

/** The nBest finished hypotheses, best first; of equal ones, the earlier finished. */
export class FinishedList {
  readonly hypotheses: Hypothesis[] = [];
  private readonly normalizedScores: number[] = [];
  private readonly capacity: number;
  private readonly search: SearchOptions;

  constructor(capacity: number, search: SearchOptions) {
    this.capacity = capacity;
    this.search = search;
  }

  /** What a normalised score must exceed to enter; −∞ while there is room. */
  get threshold(): number {
    return this.hypotheses.length < this.capacity ? Number.NEGATIVE_INFINITY : this.normalizedScores.at(-1)!;
  }

  insert(hypothesis: Hypothesis): void {
    const normalizedScore = normalizeScore(hypothesis.score, hypothesis.length, this.search);
    if (normalizedScore <= this.threshold) return;
    const worse = this.normalizedScores.findIndex((other) => other < normalizedScore);
    const position = worse < 0 ? this.hypotheses.length : worse;
    this.hypotheses.splice(position, 0, hypothesis);
    this.normalizedScores.splice(position, 0, normalizedScore);
    this.hypotheses.length = Math.min(this.hypotheses.length, this.capacity);
    this.normalizedScores.length = this.hypotheses.length;
  }
}
