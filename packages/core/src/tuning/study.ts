import { expected, StudyError } from "../errors.js";
import { Random } from "../random.js";
import type { EpochMetrics } from "../training/metrics-log.js";
import { differingKeys } from "../training/parse-recipe.js";
import type { Recipe } from "../training/recipe-schema.js";
import { isBetter } from "../training/stopping.js";
import { type PrunerSettings, shouldPrune } from "./median-pruner.js";
import { proposeParameters, type SamplerSettings } from "./sampler.js";
import { recipeOfTrial, type SearchSpace } from "./search-space.js";
import type { Trial, TrialEpoch } from "./trial.js";

const SEED_STREAM = 0x73656564;
const PROPOSAL_STREAM = 0x70726f70;
/** Numbers that one proposal may draw before it would meet the next one's. */
const DRAWS_PER_TRIAL = 2 ** 32;

/** What decides a study's results, but for the machine. */
export interface StudySettings {
  readonly space: SearchSpace;
  readonly seed: number;
  readonly sampler: SamplerSettings;
  readonly pruner: PrunerSettings;
  /** What trials are compared by: `loss`, lower is better, or a score of generated captions, higher is better. */
  readonly metric: string;
  readonly dataset: { readonly name: string; readonly sha256: string };
  /** The encoder's fingerprint. */
  readonly encoder: string;
  /** sha256 of the weights that every trial begins with, if not with its own. */
  readonly startFrom?: string;
}

/** Where a study is kept. Each call is whole or did not happen, whenever the process ends. */
export interface StudyStorage {
  /** Undefined where no study was begun. @throws StudyError where something else is there */
  read(): { readonly settings: StudySettings; readonly trials: readonly Trial[] } | undefined;
  create(settings: StudySettings): void;
  /** Writes the trial, in place of what was there under its number, and its last epoch. */
  write(trial: Trial): void;
}

/**
 * A search for the best recipe: trials with their parameters, epochs and states. Everything it decides (parameters, seeds, pruning) is a function of the
 * settings and of the trials that a trial sees; so a study that was killed goes on to the same results.
 */
export class Study {
  private constructor(
    readonly settings: StudySettings,
    private readonly storage: StudyStorage,
    private readonly list: Trial[],
  ) {}

  /** Begins a study, or goes on with the one that is there. @throws StudyError where that one was begun with other settings */
  static open(storage: StudyStorage, settings: StudySettings): Study {
    const stored = storage.read();
    if (!stored) {
      storage.create(settings);
      return new Study(settings, storage, []);
    }
    const differences = differingKeys(stored.settings, JSON.parse(JSON.stringify(settings)));
    if (differences.length > 0) {
      throw new StudyError(
        expected("the settings that this study was begun with", "--study", `other values of ${differences.join(", ")}`),
        { hint: "Go on with the same settings, or name another file for a new study." },
      );
    }
    return new Study(stored.settings, storage, [...stored.trials]);
  }

  /** A study to look at, also while another process goes on with it. @throws StudyError where none was begun */
  static read(storage: StudyStorage, name: string): Study {
    const stored = storage.read();
    if (!stored) throw new StudyError(expected("a study", "the study", `${name}, in which none was begun`));
    return new Study(stored.settings, storage, [...stored.trials]);
  }

  get trials(): readonly Trial[] {
    return this.list;
  }

  /** Whether what a trial sees has any influence on it. */
  get usesHistory(): boolean {
    return this.settings.sampler.name !== "random" || this.settings.pruner.name !== "none";
  }

  /** Begins the next trial. @param sees only the first so many trials count for it; they must be over */
  propose(sees: number): Trial {
    const { space, sampler, seed } = this.settings;
    const number = this.list.length;
    const finished = rankTrials(this.list.slice(0, sees), this.settings.metric).map(({ parameters }) => parameters);
    const random = new Random(seed, PROPOSAL_STREAM, number * DRAWS_PER_TRIAL);
    return this.save({
      number,
      sees,
      seed: new Random(seed, SEED_STREAM, number).integer(2 ** 31),
      parameters: proposeParameters(space.dimensions, finished, random, sampler),
      state: "running",
      epochs: [],
      startedAt: new Date().toISOString(),
    });
  }

  /** @throws RecipeError where the trial's values do not go together */
  recipeOf({ parameters, seed }: Trial): Recipe {
    return recipeOfTrial(this.settings.space, parameters, seed);
  }

  /** Writes down an epoch, and in the same stroke whether it was the trial's last: the trial as it then is. */
  recordEpoch(number: number, metrics: EpochMetrics): Trial {
    const trial = this.list[number]!;
    const { metric } = this.settings;
    const value = metric === "loss" ? metrics.devLossPerToken : metrics.devScores![metric]!;
    // An epoch that a kill took back comes again, and is the same.
    const epochs = [
      ...trial.epochs.filter(({ epoch }) => epoch < metrics.epoch),
      { epoch: metrics.epoch, value, metrics },
    ];
    return this.save(this.isHopeless(trial, epochs) ? ended({ ...trial, epochs }, "pruned") : { ...trial, epochs });
  }

  complete(number: number): Trial {
    return this.save(ended(this.list[number]!, "complete"));
  }

  fail(number: number, error: string): Trial {
    return this.save({ ...ended(this.list[number]!, "failed"), error });
  }

  /** Best first; failed trials and those without an epoch last. */
  leaderboard(): Trial[] {
    return rankTrials(this.list, this.settings.metric);
  }

  /** The best of the trials that ran to their end. */
  get best(): Trial | undefined {
    return this.leaderboard().find(({ state }) => state === "complete");
  }

  private isHopeless(trial: Trial, epochs: readonly TrialEpoch[]): boolean {
    if (epochs.length >= this.recipeOf(trial).epochs) return false;
    const finished = this.list.slice(0, trial.sees).filter(({ state }) => state === "complete");
    const scores = ({ epochs }: Pick<Trial, "epochs">) => epochs.map(({ value }) => this.score(value));
    return shouldPrune(scores({ epochs }), finished.map(scores), this.settings.pruner);
  }

  private score(value: number): number {
    return this.settings.metric === "loss" ? -value : value;
  }

  private save(trial: Trial): Trial {
    this.storage.write(trial);
    this.list[trial.number] = trial;
    return trial;
  }
}

/** The trial's best epoch by the metric; the earlier one of equals. */
export function bestEpoch({ epochs }: Trial, metric: string): TrialEpoch | undefined {
  let best: TrialEpoch | undefined;
  for (const epoch of epochs) if (isBetter(metric, epoch.value, best?.value ?? null)) best = epoch;
  return best;
}

/**
 * By their best epoch, whatever ended them: what a pruned trial had reached is a bound of what it would have. Of equals the earlier trial comes first.
 */
function rankTrials(trials: readonly Trial[], metric: string): Trial[] {
  const rank = (trial: Trial) => {
    const value = trial.state === "failed" ? undefined : bestEpoch(trial, metric)?.value;
    if (value === undefined) return Number.POSITIVE_INFINITY;
    return metric === "loss" ? value : -value;
  };
  return [...trials].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first === second ? a.number - b.number : first - second;
  });
}

function ended(trial: Trial, state: Trial["state"]): Trial {
  return { ...trial, state, endedAt: new Date().toISOString() };
}
