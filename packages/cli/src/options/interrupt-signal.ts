import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../render/terminal.js";

/** A signal that Ctrl-C or SIGTERM raises once, with a word to the user; the second time the process ends at once. */
export function interruptSignal(terminal: Terminal, message: string): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    terminal.warn(message, "Once more ends at once.");
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return controller.signal;
}
