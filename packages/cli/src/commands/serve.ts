import type { AddressInfo } from "node:net";
import { expected, OptionError } from "@showtell/core/errors";
import type { Command } from "commander";
import { reportCudaFailure } from "../compose/report-cuda-failure.js";
import { loadCaptioner } from "../load-captioner.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { integerOption } from "../options/parse-number.js";
import { Terminal } from "../render/terminal.js";
import { CaptionServer } from "../serve/caption-server.js";

interface ServeFlags {
  readonly host: string;
  readonly port: number;
  readonly model?: string[];
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly maxBytes: number;
  readonly maxRequests: number;
  readonly quiet?: boolean;
}

const DEFAULT_MAX_BYTES = 20_000_000;

export function registerServe(program: Command): void {
  const command = program
    .command("serve")
    .description("caption photos that are sent over HTTP: POST /caption, GET /healthz")
    .option("--host <address>", "address to listen on; 0.0.0.0 or :: for every one", "127.0.0.1")
    .option("--port <n>", "0 takes a free one", integerOption("--port", 0, 65_535), 3000)
    .option("--model <folder...>", "checkpoint folder; several vote together. Default: the captioner that ships")
    .option("--encoder <name|file>", "image encoder, if the model's is not installed")
    .option("--max-bytes <n>", "longest photo file", integerOption("--max-bytes", 1), DEFAULT_MAX_BYTES)
    .option("--max-requests <n>", "requests at a time; the next ones get 503", integerOption("--max-requests", 1), 64);
  addBackendOption(command);
  addQuietOption(command);
  command.addHelpText(
    "after",
    "\nExamples:\n  $ showtell serve\n  $ curl --data-binary @photo.jpg 'http://127.0.0.1:3000/caption?n-best=3'\n\nMore: docs/serving.md",
  );
  command.action(async (flags: ServeFlags) => {
    const terminal = new Terminal(flags);
    const signal = interruptSignal(terminal, "Stopping after the requests in hand.");
    await using captioner = await loadCaptioner({ model: flags.model, encoder: flags.encoder, backend: flags.backend });
    reportCudaFailure(captioner.encoder, terminal);
    const { maxBytes, maxRequests } = flags;
    const server = new CaptionServer({
      captioner,
      maxBytes,
      maxRequests,
      onFault: (error) => terminal.warn(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    });
    const address = await listen(server, flags);
    terminal.info(`Listening on http://${address}`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await server.stop();
  });
}

/** @throws OptionError where that address cannot be listened on */
function listen({ http }: CaptionServer, { host, port }: ServeFlags): Promise<string> {
  return new Promise((resolve, reject) => {
    http.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    http.listen(port, host, () => {
      const { address, family, port: actual } = http.address() as AddressInfo;
      resolve(`${family === "IPv6" ? `[${address}]` : address}:${actual}`);
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new OptionError(expected("a free port", "--port", `${port}, which is in use`), {
        hint: "Choose another one; --port 0 takes any that is free.",
      });
    case "EACCES":
      return new OptionError(expected("a port that this user may listen on", "--port", port), {
        hint: "Below 1024 special rights are needed: choose a larger one.",
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new OptionError(expected("an address of this machine", "--host", host));
    default:
      return error;
  }
}
