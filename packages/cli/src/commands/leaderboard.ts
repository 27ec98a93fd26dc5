import { Study } from "@showtell/core";
import type { Command } from "commander";
import { writeBestRecipe } from "../compose/best-recipe.js";
import { SqliteStudyStorage } from "../compose/sqlite-study-storage.js";
import { leaderboardJson, renderLeaderboard } from "../render/leaderboard.js";

interface LeaderboardFlags {
  readonly bestRecipe?: string;
  readonly json?: boolean;
}

export function registerLeaderboard(program: Command): void {
  const command = program
    .command("leaderboard")
    .description("print the trials of a search, best first; also while it goes on")
    .argument("<study>", "study file of `showtell tune`")
    .option("--best-recipe <file>", "write the recipe of the best trial")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  $ showtell leaderboard studies/pooled.sqlite --best-recipe best.yaml");
  command.action(async (path: string, flags: LeaderboardFlags) => {
    const storage = SqliteStudyStorage.open(path, { mustExist: true });
    try {
      const study = Study.read(storage, path);
      process.stdout.write(flags.json ? leaderboardJson(study) : `${renderLeaderboard(study)}\n`);
      if (flags.bestRecipe !== undefined) await writeBestRecipe(study, flags.bestRecipe);
    } finally {
      storage.close();
    }
  });
}
