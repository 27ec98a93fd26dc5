import type { CaptionImagesOptions } from "@showtell/core/captioning";
import { expected, OptionError } from "@showtell/core/errors";
import { Command, CommanderError } from "commander";
import {
  addGenerationOptions,
  addNBestOption,
  type GenerationFlags,
  generationOptions,
} from "../options/generation-flags.js";
import { parseViews, VOTE_HELP } from "../options/views-option.js";

/** Most of whatever costs time and memory for each photo. A command's user may wait as long as they like; a server is everybody's. */
const MOST = 100;
const LIMITED = ["beamWidth", "nBest", "consensus", "diversityGroups", "maxLength"] as const;

/**
 * A request's options: those of `showtell caption` that say how captions are searched for, without the dashes: `?n-best=3&views=all`.
 * @throws OptionError for one that does not exist or has an impossible value or several
 */
export function queryOptions(query: URLSearchParams): CaptionImagesOptions {
  const command = new Command()
    .exitOverride()
    .helpOption(false)
    .allowExcessArguments(false)
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
    .option("--views <list>", VOTE_HELP, parseViews);
  addNBestOption(addGenerationOptions(command));
  checkNames(query, command);
  const flags = parse(
    command,
    [...query].map(([name, value]) => `--${name}=${value}`),
  );
  const options = { ...generationOptions(flags), views: flags.views };
  for (const name of LIMITED) {
    const value = options[name];
    if (value !== undefined && value > MOST) throw new OptionError(expected(`at most ${MOST}`, name, value));
  }
  return options;
}

function checkNames(query: URLSearchParams, command: Command): void {
  const known = new Map(command.options.map((option) => [option.long!.slice(2), option]));
  for (const name of query.keys()) {
    const option = known.get(name);
    if (option === undefined)
      throw new OptionError(expected(`one of ${[...known.keys()].join(", ")}`, "the query", name));
    // A command line is one person's, whose last word counts; of a query nobody can tell which of two was meant.
    const values = query.getAll(name);
    if (values.length > 1 && !option.variadic) throw new OptionError(expected("one value", name, values));
  }
}

function parse(command: Command, args: readonly string[]) {
  try {
    command.parse(args as string[], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw new OptionError(error.message.replace(/^error: /, ""), { cause: error });
    throw error;
  }
  return command.opts<GenerationFlags & Pick<CaptionImagesOptions, "views">>();
}
