import { bestEpoch, type Study, type Trial, trialSeconds } from "@showtell/core";
import { createLogUpdate } from "log-update";
import type { TrialProgress } from "../compose/trial-protocol.js";
import { describeParameters, renderLeaderboard } from "./leaderboard.js";
import type { Terminal } from "./terminal.js";

const ROWS = 10;
const STAGES = { training: "training", "dev-loss": "dev loss", decoding: "dev captions" } as const;

export interface StudyDisplayOptions {
  readonly study: Study;
  readonly terminal: Terminal;
  readonly quiet: boolean;
  /** How many trials the study shall have. */
  readonly trials: number;
}

/** A search while it goes on: a leaderboard that redraws itself on a terminal, a line when a trial begins and ends elsewhere. */
export class StudyDisplay {
  private readonly block: ReturnType<typeof createLogUpdate> | undefined;
  private readonly progress = new Map<number, TrialProgress>();

  constructor(private readonly options: StudyDisplayOptions) {
    if (options.quiet || !process.stderr.isTTY) return;
    this.block = createLogUpdate(process.stderr);
    options.terminal.makeWayFor(this.block);
  }

  trialChanged(trial: Trial): void {
    if (trial.state !== "running") this.progress.delete(trial.number);
    if (this.block) this.draw();
    else if (trial.state !== "running") this.options.terminal.info(this.describeEnd(trial));
    else if (trial.epochs.length === 0)
      this.options.terminal.info(`trial ${trial.number}: ${describeParameters(trial)}`);
  }

  trialProgress(trial: Trial, progress: TrialProgress): void {
    this.progress.set(trial.number, progress);
    this.draw();
  }

  stop(): void {
    this.block?.clear();
    this.block?.done();
    this.options.terminal.makeWayFor(undefined);
  }

  private draw(): void {
    const { study, trials } = this.options;
    const over = study.trials.filter(({ state }) => state !== "running").length;
    const running = [...this.progress].map(
      ([number, { stage, epoch, epochs, step, steps }]) =>
        `trial ${number}: epoch ${epoch}/${epochs}, ${STAGES[stage]} ${step}/${steps}`,
    );
    this.block?.([`${over} of ${trials} trials`, renderLeaderboard(study, ROWS), ...running].join("\n"));
  }

  private describeEnd(trial: Trial): string {
    const { study } = this.options;
    const { metric } = study.settings;
    const { number, state, epochs, error } = trial;
    if (state === "failed") return `trial ${number} failed: ${error}`;
    const best = bestEpoch(trial, metric);
    const leader = study.best;
    const lead = leader ? `; best is trial ${leader.number}, ${bestEpoch(leader, metric)?.value.toFixed(4)}` : "";
    const took = `${epochs.length === 1 ? "1 epoch" : `${epochs.length} epochs`}, ${trialSeconds(trial).toFixed(1)} s`;
    return `trial ${number} ${state} after ${took}: ${metric} ${best?.value.toFixed(4)}${lead}`;
  }
}
