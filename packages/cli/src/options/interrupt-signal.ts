import type { Terminal } from "../render/terminal.js";

/** A signal that Ctrl-C or SIGTERM raises once, with a word to the user; the second time the process ends at once. */
export function interruptSignal(terminal: Terminal, message: string): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    // By the signal itself (a shell says 130): process.exit() would take threads down in the middle of their work, and crash in them.
    if (controller.signal.aborted) {
      process.removeAllListeners("SIGINT");
      process.kill(process.pid, "SIGINT");
      return;
    }
    terminal.warn(message, "Once more ends at once.");
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return controller.signal;
}
