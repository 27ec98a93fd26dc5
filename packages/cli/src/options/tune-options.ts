import { expected, OptionError, PRUNERS, SAMPLERS, type StudySettings } from "@showtell/core";
import { type Command, Option } from "commander";
import { addDatasetOptions, type DatasetFlags } from "./dataset-options.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "./model-options.js";
import { choiceOption, integerOption, numberOption } from "./parse-number.js";

export interface TuneFlags extends DatasetFlags {
  readonly space: string;
  readonly study: string;
  readonly trials: number;
  readonly parallel: number;
  readonly gpus?: string[];
  readonly sampler: StudySettings["sampler"]["name"];
  readonly startupTrials: number;
  readonly pruner: StudySettings["pruner"]["name"];
  readonly warmupTrials: number;
  readonly warmupEpochs: number;
  readonly seed: number;
  readonly timeLimit?: number;
  readonly bestRecipe?: string;
  readonly startFrom?: string;
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addTuneOptions(command: Command): void {
  addDatasetOptions(command)
    .requiredOption("--space <name|file>", "search space: one that ships, such as reference-fine, or a YAML file")
    .requiredOption("--study <file>", "SQLite file that holds the study; one that is there is gone on with")
    .option("--trials <n>", "trials that the study shall have in all", integerOption("--trials", 1, 100_000), 20)
    .option("--parallel <n>", "trials at a time; they share the cores", integerOption("--parallel", 1, 1024), 1)
    .addOption(
      new Option("--gpus <ids>", "one trial at a time on each of these GPUs, such as 0,1")
        .argParser(parseGpus)
        .conflicts("parallel"),
    )
    .option("--sampler <name>", SAMPLERS.join(", "), choiceOption("--sampler", SAMPLERS), "tpe")
    .option("--startup-trials <n>", "tpe: trials drawn at random first", integerOption("--startup-trials", 0), 8)
    .option("--pruner <name>", PRUNERS.join(", "), choiceOption("--pruner", PRUNERS), "median")
    .option(
      "--warmup-trials <n>",
      "median: complete trials before any is pruned",
      integerOption("--warmup-trials", 1),
      4,
    )
    .option("--warmup-epochs <n>", "median: epochs that every trial has", integerOption("--warmup-epochs", 1), 1)
    .option("--seed <n>", "of parameters and of each trial's training", integerOption("--seed", 0), 1)
    .option("--time-limit <minutes>", "begin no trial after so many minutes", numberOption("--time-limit", 0))
    .option("--best-recipe <file>", "write the recipe of the best trial")
    .option("--start-from <folder>", "begin every trial with the weights of this checkpoint, as `train` does")
    .option("--encoder <name|file>", "a name from `showtell encoder list`, or a spec file")
    .option("--json", "print the leaderboard as JSON");
  addBackendOption(command);
  addQuietOption(command);
}

/** @throws OptionError for an option that the chosen sampler or pruner makes no use of */
export function checkUnused({ sampler, pruner }: TuneFlags, command: Command): void {
  const check = (names: readonly string[], user: string, choice: string) => {
    if (choice === user.split(" ")[1]) return;
    const given = command.options.find(
      (option) => names.includes(option.long!) && command.getOptionValueSource(option.attributeName()) === "cli",
    );
    if (given) throw new OptionError(expected(user, `${given.long} beside it`, choice));
  };
  check(["--startup-trials"], "--sampler tpe", sampler);
  check(["--warmup-trials", "--warmup-epochs"], "--pruner median", pruner);
}

/** An index, or a UUID or the beginning of one. */
const GPU = /^(\d+|(GPU|MIG)-[\w-]+)$/;

function parseGpus(text: string): string[] {
  const ids = text.split(",");
  if (ids.some((id) => !GPU.test(id)) || new Set(ids).size < ids.length) {
    throw new OptionError(expected("different GPU numbers or UUIDs with commas between", "--gpus", text), {
      hint: "`nvidia-smi -L` lists them, such as 0,1 or GPU-1b2c3d4e,GPU-5f6a7b8c.",
    });
  }
  return ids;
}
