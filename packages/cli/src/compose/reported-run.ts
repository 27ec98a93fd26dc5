import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import {
  type Checkpoint,
  CheckpointError,
  expected,
  parseRecipe,
  type Recipe,
  type RecordedEpoch,
  readCheckpoint,
  readMetrics,
  runPaths,
} from "@showtell/core";
import { pretrainedCaptioners } from "@showtell/pretrained";

/** What a report is made of, before anything is captioned. */
export interface RunToReport {
  readonly name: string;
  readonly path: string;
  readonly checkpoint: Checkpoint;
  readonly epochs: readonly RecordedEpoch[];
  readonly recipe?: Recipe;
  /** Whether the path is that of a run folder, which a report may be written into. */
  readonly isRunFolder: boolean;
}

/**
 * Reads the runs that a report compares. Where two folders have the same name, all are called by their paths.
 * @throws CheckpointError for a path that is neither a run nor a checkpoint
 */
export async function readRunsToReport(namesOrPaths: readonly string[]): Promise<RunToReport[]> {
  const runs = await Promise.all(namesOrPaths.map(readRunToReport));
  const isUnique = new Set(runs.map(({ name }) => name)).size === runs.length;
  return isUnique ? runs : runs.map((run) => ({ ...run, name: run.path }));
}

/** Reads the best checkpoint of a run, also while it is training; or a checkpoint by itself, or a captioner that ships, which have no learning curves. */
async function readRunToReport(nameOrPath: string): Promise<RunToReport> {
  const shipped = pretrainedCaptioners[nameOrPath];
  const path = shipped ?? nameOrPath;
  const name = shipped === undefined ? basename(resolve(path)) : nameOrPath;
  const paths = runPaths(path);
  if (await isThere(paths.recipe)) {
    if (!(await isThere(paths.best))) {
      throw new CheckpointError(expected("a run with a finished epoch", "RUN", nameOrPath), {
        hint: "The run has no best checkpoint yet: wait for its first epoch to end.",
      });
    }
    return {
      name,
      path,
      checkpoint: await readCheckpoint(paths.best),
      epochs: await readMetrics(paths.metrics),
      recipe: parseRecipe(await readFile(paths.recipe, "utf8"), paths.recipe),
      isRunFolder: true,
    };
  }
  if (!(await isThere(join(path, "config.json")))) {
    throw new CheckpointError(expected("the folder of a run or of a checkpoint", "RUN", nameOrPath), {
      hint: `\`showtell train\` makes run folders; captioners that ship: ${Object.keys(pretrainedCaptioners).join(", ")}.`,
    });
  }
  const checkpoint = await readCheckpoint(path);
  return {
    name,
    path,
    checkpoint,
    epochs: [],
    ...(checkpoint.recipe && { recipe: parseRecipe(JSON.stringify(checkpoint.recipe), join(path, "config.json")) }),
    isRunFolder: false,
  };
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
