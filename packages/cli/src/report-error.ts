import { ShowtellError } from "@showtell/core/errors";
import pc from "picocolors";
import { EXIT } from "./exit-codes.js";

/** Prints an error the way its kind deserves and returns the exit code: one line and a hint for the user's, a stack for ours. */
export function reportError(error: unknown): number {
  if (isInterruption(error)) return EXIT.interrupted;
  if (isUserError(error)) {
    process.stderr.write(`${pc.red("error")} ${oneLine(error.message)}\n`);
    if (error.hint !== undefined) process.stderr.write(`${pc.dim("Hint:")} ${oneLine(error.hint)}\n`);
    return EXIT.userError;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${pc.red("bug")} This is a fault in Showtell, not in your input. Please report it with this stack.\n${stack}\n`,
  );
  return EXIT.bug;
}

/** Core's errors, and those of the metrics package, which has the same form and no dependency on core. */
function isUserError(error: unknown): error is Error & { hint?: string } {
  if (error instanceof ShowtellError) return true;
  return error instanceof Error && "hint" in error;
}

function isInterruption(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortedError" || error.name === "AbortError");
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}
