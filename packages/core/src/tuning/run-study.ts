import { RecipeError } from "../errors.js";
import type { EpochMetrics } from "../training/metrics-log.js";
import type { Recipe } from "../training/recipe-schema.js";
import type { Study } from "./study.js";
import type { Trial } from "./trial.js";

/** Trains one trial, from its beginning or from where an earlier process left it. */
export type RunTrial = (trial: Trial, job: TrialJob) => Promise<TrialOutcome>;

export interface TrialJob {
  readonly recipe: Recipe;
  /** Which of the `parallel` places it has, from 0. */
  readonly place: number;
  /** To be told of each epoch, before the next begins; `false` = the trial is pruned and must not go on. */
  readonly onEpoch: (metrics: EpochMetrics) => boolean;
  /** Aborted: stop soon, in a state that can be gone on from. */
  readonly signal: AbortSignal;
}

export type TrialOutcome =
  | { readonly kind: "finished" }
  /** Stopped by the signal. */
  | { readonly kind: "interrupted" }
  /** The recipe cannot be trained; other recipes can. */
  | { readonly kind: "failed"; readonly error: string };

export interface RunStudyOptions {
  /** How many trials the study shall have in all. */
  readonly trials: number;
  /** How many run at a time. */
  readonly parallel: number;
  readonly runTrial: RunTrial;
  readonly signal: AbortSignal;
  /** No trial begins after this moment, in milliseconds since 1970. */
  readonly deadline?: number;
  /** After every change of a trial. */
  readonly onChange?: (trial: Trial) => void;
}

/**
 * Goes on with what is half-done, then begins trial after trial. With n trials at a time, a trial sees all before it but the last n − 1, and waits for those it
 * sees: results do not depend on which of two trials happens to be the quicker.
 * @throws what `runTrial` throws; the trials under way are stopped first
 */
export async function runStudy(study: Study, options: RunStudyOptions): Promise<void> {
  const { parallel, runTrial, onChange = () => undefined } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const halfDone = study.trials.filter(({ state }) => state === "running");
  const running = new Map<Promise<void>, number>();

  const next = (): Trial | undefined => {
    if (signal.aborted) return undefined;
    const waiting = halfDone.shift();
    if (waiting) return waiting;
    const number = study.trials.length;
    if (number >= options.trials || Date.now() >= (options.deadline ?? Number.POSITIVE_INFINITY)) return undefined;
    const sees = study.usesHistory ? Math.max(0, number - parallel + 1) : 0;
    if (study.trials.slice(0, sees).some(({ state }) => state === "running")) return undefined;
    return study.propose(sees);
  };

  const work = async (trial: Trial, place: number): Promise<void> => {
    onChange(trial);
    let recipe: Recipe;
    try {
      recipe = study.recipeOf(trial);
    } catch (error) {
      if (!(error instanceof RecipeError)) throw error;
      onChange(study.fail(trial.number, error.message));
      return;
    }
    const onEpoch = (metrics: EpochMetrics) => {
      const changed = study.recordEpoch(trial.number, metrics);
      onChange(changed);
      return changed.state === "running";
    };
    const outcome = await runTrial(trial, { recipe, place, onEpoch, signal });
    if (study.trials[trial.number]!.state !== "running" || outcome.kind === "interrupted") return;
    onChange(outcome.kind === "finished" ? study.complete(trial.number) : study.fail(trial.number, outcome.error));
  };

  try {
    for (;;) {
      while (running.size < parallel) {
        const trial = next();
        if (!trial) break;
        const taken = new Set(running.values());
        const place = Array.from({ length: parallel }, (_, i) => i).find((i) => !taken.has(i))!;
        const job: Promise<void> = work(trial, place).finally(() => running.delete(job));
        running.set(job, place);
      }
      if (running.size === 0) return;
      await Promise.race(running.keys());
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running.keys());
  }
}
