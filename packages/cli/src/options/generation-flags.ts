import type { CaptionOptions } from "@showtell/core/captioning";
import type { Command } from "commander";
import { choiceOption, integerOption, numberOption, positiveOption } from "./parse-number.js";

const FORMULAS = ["none", "average", "gnmt"] as const;

export interface GenerationFlags {
  readonly beamWidth?: number;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly lengthPenalty?: number;
  readonly lengthPenaltyFormula?: (typeof FORMULAS)[number];
  readonly repeatNgram?: number;
  readonly ban?: string[];
  readonly prefix?: string;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly consensus?: number;
  readonly diversityGroups?: number;
  readonly diversityPenalty?: number;
  readonly nBest?: number;
}

/** How captions are searched for; what is left out comes from the model. Meaning and defaults: docs/generation.md. */
export function addGenerationOptions(command: Command): Command {
  return command
    .option("--beam-width <n>", "hypotheses kept alive; 1 is greedy search", integerOption("--beam-width", 1))
    .option("--max-length <n>", "most tokens of a caption, its end counted", integerOption("--max-length", 1))
    .option("--min-length <n>", "fewest tokens of a caption, its end counted", integerOption("--min-length", 1))
    .option(
      "--consensus <n>",
      "search n captions and take the one that has most in common with all of them; in place of --beam-width",
      integerOption("--consensus", 2),
    )
    .option(
      "--length-penalty <x>",
      "strength of the length penalty; negative favours short captions",
      numberOption("--length-penalty"),
    )
    .option("--length-penalty-formula <name>", FORMULAS.join(", "), choiceOption("--length-penalty-formula", FORMULAS))
    .option("--repeat-ngram <n>", "no run of n words twice in a caption; 0 is off", integerOption("--repeat-ngram", 0))
    .option("--ban <word...>", "words that must not occur")
    .option("--prefix <text>", "what captions must begin with")
    .option(
      "--temperature <x>",
      "draw words at random instead of searching; lower is tamer",
      positiveOption("--temperature", { hint: "For greedy captions leave it out and set --beam-width 1." }),
    )
    .option("--top-k <n>", "draw from the k likeliest words", integerOption("--top-k", 1))
    .option(
      "--top-p <x>",
      "draw from the likeliest words that have this probability together",
      positiveOption("--top-p", { maximum: 1 }),
    )
    .option("--seed <n>", "of what is drawn", integerOption("--seed", 0))
    .option(
      "--diversity-groups <n>",
      "groups of the beam that avoid each other's words",
      integerOption("--diversity-groups", 1),
    )
    .option("--diversity-penalty <x>", "how much they avoid them", numberOption("--diversity-penalty", 0));
}

/** Where several captions of a photo can be given. */
export function addNBestOption(command: Command): Command {
  return command.option("--n-best <n>", "captions per photo, best first", integerOption("--n-best", 1));
}

export function generationOptions(flags: GenerationFlags): CaptionOptions {
  return {
    beamWidth: flags.beamWidth,
    maxLength: flags.maxLength,
    minLength: flags.minLength,
    lengthPenalty: flags.lengthPenalty,
    lengthPenaltyFormula: flags.lengthPenaltyFormula,
    noRepeatNgramSize: flags.repeatNgram,
    bannedWords: flags.ban,
    prefix: flags.prefix,
    temperature: flags.temperature,
    topK: flags.topK,
    topP: flags.topP,
    seed: flags.seed,
    nBest: flags.nBest,
    consensus: flags.consensus,
    diversityGroups: flags.diversityGroups,
    diversityPenalty: flags.diversityPenalty,
  };
}
