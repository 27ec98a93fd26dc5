/** `pnpm bench tune`: the same study with the median pruner and without, one after the other: wall time, epochs trained, best score. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expected, OptionError, PRUNERS } from "@showtell/core";
import { parseCommandLine, publishFigures, type ReportHead } from "./command-line.js";

const USAGE = `Usage: pnpm bench tune --data PATH [options]
Runs \`showtell tune\` twice with the same seed, --pruner none and --pruner median. With --sampler random both train the same recipes.
Photos must have been encoded into the store before.
  --data PATH      dataset
  --store DIR      its feature store (default showtell-features)
  --space NAME     search space (default flickr8k-pooled)
  --trials N       trials of each study (default 20)
  --sampler NAME   random (default) or tpe
  --seed N         of both studies (default 1)
  --parallel N     trials at a time (default 1)
  --json FILE      write everything measured
`;

const COMMAND = fileURLToPath(new URL("../../packages/cli/bin/showtell.mjs", import.meta.url));

interface StudyResult {
  readonly pruner: string;
  readonly seconds: number;
  readonly trials: readonly { readonly state: string; readonly value: number | null; readonly values: number[] }[];
}

export async function run(argv: readonly string[]): Promise<void> {
  const values = parseCommandLine(argv, USAGE, {
    data: { type: "string" },
    store: { type: "string", default: "showtell-features" },
    space: { type: "string", default: "flickr8k-pooled" },
    trials: { type: "string", default: "20" },
    sampler: { type: "string", default: "random" },
    seed: { type: "string", default: "1" },
    parallel: { type: "string", default: "1" },
  });
  if (values === undefined) return;
  const { data, json, help: _, ...common } = values;
  if (data === undefined) throw new OptionError(expected("a dataset", "--data", data));
  const folder = mkdtempSync(join(tmpdir(), "showtell-bench-tune-"));
  try {
    const options = Object.entries({ data, ...common }).flatMap(([name, value]) => [`--${name}`, value]);
    const studies = [...PRUNERS].reverse().map((pruner) => runStudy(pruner, options, folder));
    await publishFigures({ benchmark: "tune", argv, json }, { studies }, render);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runStudy(pruner: string, options: readonly string[], folder: string): StudyResult {
  const args = ["tune", ...options, "--pruner", pruner, "--study", join(folder, pruner), "--json", "--quiet"];
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8" });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0)
    throw new OptionError(expected("exit code 0", "showtell tune", status), { hint: stderr.trim().split("\n").at(-1) });
  const { trials } = JSON.parse(stdout) as Pick<StudyResult, "trials">;
  return { pruner, seconds, trials };
}

interface Report extends ReportHead {
  readonly studies: readonly StudyResult[];
}

function render({ command, date, machine, studies }: Report): string {
  const epochsOf = ({ trials }: StudyResult) => trials.reduce((sum, { values }) => sum + values.length, 0);
  const rows = studies.map((study) => {
    const pruned = study.trials.filter(({ state }) => state === "pruned").length;
    // The leaderboard begins with the best.
    const best = study.trials[0]?.value ?? Number.NaN;
    return `| ${study.pruner} | ${study.seconds.toFixed(1)} | ${epochsOf(study)} | ${pruned} of ${study.trials.length} | ${best.toFixed(4)} |`;
  });
  const [without, pruning] = studies as [StudyResult, StudyResult];
  const saved = (of: (study: StudyResult) => number) => `${(100 * (1 - of(pruning) / of(without))).toFixed(0)} %`;
  return `${[
    `# ${command}`,
    "",
    `${date}, ${machine}`,
    "",
    "| pruner | seconds | epochs | pruned | best score |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    `* pruning saves ${saved(({ seconds }) => seconds)} of the time and ${saved(epochsOf)} of the epochs`,
  ].join("\n")}\n`;
}
