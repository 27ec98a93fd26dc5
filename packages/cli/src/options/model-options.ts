import type { Command } from "commander";
import { choiceOption } from "./parse-number.js";

const BACKEND_CHOICES = ["auto", "native-cuda", "native-cpu", "tfjs"] as const;
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

/** Options of every command that opens a decoder. */
export function addBackendOption(command: Command): Command {
  return command.option(
    "--backend <name>",
    `what does the arithmetic: ${BACKEND_CHOICES.join(", ")}`,
    choiceOption("--backend", BACKEND_CHOICES),
    "auto",
  );
}

export function addQuietOption(command: Command): Command {
  return command.option("--quiet", "print results, warnings and errors only");
}
