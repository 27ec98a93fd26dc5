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
 * @throws OptionError for one that does not exist or has an impossible value
 */
export function queryOptions(query: URLSearchParams): CaptionImagesOptions {
  const command = new Command()
    .exitOverride()
    .helpOption(false)
    .allowExcessArguments(false)
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
    .option("--views <list>", VOTE_HELP, parseViews);
  addNBestOption(addGenerationOptions(command));
  const known = command.options.map(({ long }) => long!.slice(2));
  for (const name of query.keys()) {
    if (!known.includes(name)) throw new OptionError(expected(`one of ${known.join(", ")}`, "the query", name));
  }
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

function parse(command: Command, args: readonly string[]) {
  try {
    command.parse(args as string[], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw new OptionError(error.message.replace(/^error: /, ""), { cause: error });
    throw error;
  }
  return command.opts<GenerationFlags & Pick<CaptionImagesOptions, "views">>();
}
