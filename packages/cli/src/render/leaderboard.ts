import { bestEpoch, type Study, type Trial, trialSeconds } from "@showtell/core";
import { renderTable } from "./table.js";

export type StudyView = Pick<Study, "settings" | "trials" | "leaderboard">;

/** Best first; columns for the keys that the study searches. @param limit rows at most */
export function renderLeaderboard(study: StudyView, limit = Number.POSITIVE_INFINITY): string {
  const { metric, space } = study.settings;
  const keys = Object.keys(space.dimensions);
  const header = [
    "trial",
    metric,
    "at epoch",
    "epochs",
    "state",
    "minutes",
    ...keys.map((key) => shortName(key, keys)),
  ];
  const rows = study
    .leaderboard()
    .slice(0, limit)
    .map((trial) => {
      const best = bestEpoch(trial, metric);
      return [
        String(trial.number),
        best ? best.value.toFixed(4) : "–",
        best ? String(best.epoch) : "–",
        String(trial.epochs.length),
        trial.state,
        (trialSeconds(trial) / 60).toFixed(2),
        ...keys.map((key) => formatValue(trial.parameters[key])),
      ];
    });
  return renderTable(header, rows);
}

/** The same for programs. */
export function leaderboardJson(study: StudyView): string {
  const { metric, space, seed, sampler, pruner } = study.settings;
  const trials = study.leaderboard().map((trial) => {
    const best = bestEpoch(trial, metric);
    return {
      trial: trial.number,
      state: trial.state,
      value: best?.value ?? null,
      bestEpoch: best?.epoch ?? null,
      values: trial.epochs.map(({ value }) => value),
      seed: trial.seed,
      parameters: trial.parameters,
      ...(trial.error !== undefined && { error: trial.error }),
      seconds: trialSeconds(trial),
      startedAt: trial.startedAt,
      endedAt: trial.endedAt ?? null,
    };
  });
  return `${JSON.stringify({ metric, seed, sampler, pruner, keys: Object.keys(space.dimensions), trials }, null, 2)}\n`;
}

/** `learningRate 0.00042, layerCount 2` */
export function describeParameters({ parameters }: Trial): string {
  const keys = Object.keys(parameters);
  return keys.map((key) => `${shortName(key, keys)} ${formatValue(parameters[key])}`).join(", ");
}

/** The key without its section, where that is enough: `learningRate`, `dropout.output`. */
function shortName(key: string, keys: readonly string[]): string {
  const withoutSection = (name: string) => name.slice(name.indexOf(".") + 1);
  const short = withoutSection(key);
  return keys.filter((other) => withoutSection(other) === short).length === 1 ? short : key;
}

function formatValue(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toPrecision(3);
  return typeof value === "string" ? value : JSON.stringify(value);
}
