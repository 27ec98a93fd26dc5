import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli, TINY_DATASET } from "./run-cli.js";

export interface TinyModel {
  readonly folder: string;
  readonly store: string;
  readonly run: string;
  readonly best: string;
  remove(): Promise<void>;
}

/** Trains on the fourteen photos of the fixtures with the command itself, a few seconds, into a folder of its own. */
export async function trainTinyModel(settings: readonly string[] = []): Promise<TinyModel> {
  const folder = await mkdtemp(join(tmpdir(), "showtell-cli-"));
  const [store, run] = [join(folder, "store"), join(folder, "run")];
  const args = ["train", "--data", TINY_DATASET, "--recipe", "tiny", "--run", run, "--store", store, "--quiet"];
  const result = await runCli([...args, ...(settings.length > 0 ? ["--set", ...settings] : [])]);
  if (result.code !== 0) throw new Error(`training failed (${result.code}): ${result.stderr}`);
  const best = join(run, "checkpoints", "best");
  return { folder, store, run, best, remove: () => rm(folder, { recursive: true, force: true }) };
}
