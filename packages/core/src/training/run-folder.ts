import { access, constants, mkdir, readdir, readFile, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { exists, replaceFile, settleDirectory } from "../checkpoint/replace-directory.js";
import { explainingDiskErrors } from "../disk-errors.js";
import { CheckpointError, expected, RecipeError } from "../errors.js";
import { MetricsLog } from "./metrics-log.js";
import { differingKeys, formatRecipe, parseRecipe } from "./parse-recipe.js";
import type { Recipe } from "./recipe-schema.js";
import { RunLock } from "./run-lock.js";

const RECIPE_FILE = "recipe.yaml";
const METRICS_FILE = "metrics.jsonl";
const LOCK_FILE = "run.lock";

/** Where the parts of a run lie. */
export function runPaths(directory: string) {
  return {
    recipe: join(directory, RECIPE_FILE),
    metrics: join(directory, METRICS_FILE),
    lock: join(directory, LOCK_FILE),
    last: join(directory, "checkpoints", "last"),
    best: join(directory, "checkpoints", "best"),
  };
}

/** A training's folder: recipe.yaml, metrics.jsonl, checkpoints/{last,best}, and a lock while it is in use. */
export class RunFolder {
  readonly paths: ReturnType<typeof runPaths>;
  readonly metrics: MetricsLog;

  private constructor(
    private readonly directory: string,
    private readonly createdDirectory: boolean,
    private readonly lock: RunLock,
    /** Whether checkpoints/last is there to go on from. */
    readonly hasCheckpoint: boolean,
  ) {
    this.paths = runPaths(directory);
    this.metrics = new MetricsLog(this.paths.metrics);
  }

  /**
   * Whether `open` would take the folder, as far as can be told without changing anything.
   * @throws as `open` does
   */
  static async check(directory: string, options: { recipe: Recipe; resume: boolean }): Promise<void> {
    const isThere = await exists(directory);
    if (options.resume && !isThere) {
      throw new CheckpointError(expected("the folder of a run", "--resume", directory), {
        hint: "Leave --resume out to begin a new run there.",
      });
    }
    await explainingDiskErrors(directory, async () => {
      const folder = await nearestFolder(directory);
      await readdir(folder);
      await access(folder, constants.W_OK);
    });
    if (!isThere) return;
    await checkContents(directory, options.resume);
    const { recipe } = runPaths(directory);
    if (await exists(recipe)) await checkRecipe(recipe, options.recipe);
  }

  /**
   * Takes the folder for a new run, or with `resume` for going on. A run that was killed before its first checkpoint goes on from its beginning.
   * @throws CheckpointError where it is in use, holds something else, or has no run to resume; RecipeError for another recipe
   */
  static async open(directory: string, options: { recipe: Recipe; resume: boolean }): Promise<RunFolder> {
    await RunFolder.check(directory, options);
    const paths = runPaths(directory);
    const [createdDirectory, lock] = await explainingDiskErrors(directory, async () => {
      const created = await mkdir(directory, { recursive: true });
      return [created !== undefined, await RunLock.acquire(paths.lock)];
    });
    try {
      await checkContents(directory, options.resume);
      await removeHalfWritten(directory);
      for (const checkpoint of [paths.last, paths.best]) await settleDirectory(checkpoint);
      if (await exists(paths.recipe)) await checkRecipe(paths.recipe, options.recipe);
      else await explainingDiskErrors(directory, () => replaceFile(paths.recipe, formatRecipe(options.recipe)));
      return new RunFolder(directory, createdDirectory, lock, await exists(paths.last));
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.lock.release();
  }

  /** Takes back what opening wrote, for a run that could not begin. A folder that was there before stays, as empty as it was. */
  async discard(): Promise<void> {
    await rm(this.paths.recipe, { force: true });
    await this.lock.release();
    if (this.createdDirectory) await rmdir(this.directory).catch(() => undefined);
  }
}

/** The folder itself, or the nearest one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  let folder = resolve(path);
  while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** What a killed run may leave. */
function isHalfWritten(name: string): boolean {
  return name.endsWith(".writing");
}

async function removeHalfWritten(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (isHalfWritten(name)) await rm(join(directory, name), { recursive: true });
}

async function checkContents(directory: string, resume: boolean): Promise<void> {
  const entries = await readdir(directory);
  // What is there before a run has said anything.
  const found = entries.filter((name) => !name.startsWith(LOCK_FILE) && !isHalfWritten(name));
  const isRun = found.includes(RECIPE_FILE);
  if (found.length === 0 || (resume && isRun)) return;
  throw new CheckpointError(
    expected(
      resume ? "the folder of a run" : "a new or empty folder",
      "the run folder",
      isRun ? `${basename(directory)}, which holds a run` : found[0],
    ),
    { hint: isRun ? "Add --resume to go on with that run, or name another folder." : "Name another folder." },
  );
}

async function checkRecipe(path: string, recipe: Recipe): Promise<void> {
  const differences = differingKeys(parseRecipe(await readFile(path, "utf8"), path), recipe);
  if (differences.length === 0) return;
  throw new RecipeError(
    expected("the recipe that this run was begun with", "--resume", `other values of ${differences.join(", ")}`),
    {
      hint: `Resume with ${path} itself, or begin a new run in another folder.`,
    },
  );
}
