/** `pnpm bench startup PHOTO`: wall time of a cold process that captions one photo and ends. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { expected, OptionError } from "@showtell/core";
import {
  defaultCaptionerName,
  defaultEncoderName,
  demoPhotos,
  pretrainedCaptioners,
  pretrainedEncoders,
} from "@showtell/pretrained";
import { median } from "./comparison.js";
import { parseCount } from "./parse-count.js";
import { machine } from "./report.js";

const USAGE = `Usage: pnpm bench startup [PHOTO] [options]
Seconds from the start of a process to its end, with one caption between: the command, and with --peers a Python script that does the same with
onnxruntime, Pillow and NumPy, and one that does nothing but import PyTorch. In turns; the first turn, which fills the disk's cache, does not count.
  --model DIR      checkpoint (default: the captioner that ships)
  --backend NAME   of the command (default auto)
  --repetitions N  turns of each (default 7)
  --peers          also run Python (python3 with onnxruntime, pillow, numpy and torch; the variable PYTHON names another interpreter)
  --json FILE      write everything measured
`;

interface Contestant {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly seconds: number[];
  caption: string;
}

export async function run(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      model: { type: "string", default: pretrainedCaptioners[defaultCaptionerName]! },
      backend: { type: "string", default: "auto" },
      repetitions: { type: "string", default: "7" },
      peers: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const repetitions = parseCount("--repetitions", values.repetitions);
  const photo = positionals[0] ?? demoPhotos[0]!.path;
  const peers = values.peers ? [python(photo, values.model), importOfTorch()] : [];
  const contestants = [showtell(photo, values.model, values.backend), ...peers];
  for (let turn = 0; turn <= repetitions; turn++) {
    for (const contestant of contestants) {
      const seconds = time(contestant);
      if (turn > 0) contestant.seconds.push(seconds);
    }
  }
  const report = {
    benchmark: "startup",
    command: ["pnpm bench startup", ...argv].join(" "),
    date: new Date().toISOString(),
    machine: machine(),
    contestants: contestants.map(({ name, seconds, caption }) => ({ name, seconds, caption })),
  };
  process.stdout.write(render(report));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}

function showtell(photo: string, model: string, backend: string): Contestant {
  const command = fileURLToPath(new URL("../../packages/cli/bin/showtell.mjs", import.meta.url));
  const args = ["caption", photo, "--model", model, "--backend", backend, "--quiet"];
  return {
    name: `showtell, backend ${backend}`,
    command: [process.execPath, command, ...args],
    seconds: [],
    caption: "",
  };
}

function python(photo: string, model: string): Contestant {
  const script = fileURLToPath(new URL("../peers/startup.py", import.meta.url));
  const specPath = pretrainedEncoders[defaultEncoderName]!;
  const { onnx } = JSON.parse(readFileSync(specPath, "utf8")) as { onnx: string };
  const command = [interpreter(), script, join(dirname(specPath), onnx), model, photo] as const;
  return { name: "Python, onnxruntime + Pillow + NumPy", command, seconds: [], caption: "" };
}

/** What every captioner on PyTorch waits for before its first line of work. */
function importOfTorch(): Contestant {
  return {
    name: "Python, import torch alone",
    command: [interpreter(), "-c", "import torch"],
    seconds: [],
    caption: "",
  };
}

function interpreter(): string {
  return process.env["PYTHON"] ?? "python3";
}

function time(contestant: Contestant): number {
  const [program, ...args] = contestant.command;
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) {
    throw new OptionError(expected("exit code 0", contestant.name, status), {
      hint: stderr?.trim().split("\n").at(-1),
    });
  }
  contestant.caption = stdout.trim();
  return seconds;
}

interface Rendered {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly contestants: readonly {
    readonly name: string;
    readonly seconds: readonly number[];
    readonly caption: string;
  }[];
}

function render({ command, date, machine, contestants }: Rendered): string {
  const lines = [
    `# ${command}`,
    "",
    `${date}, ${machine}`,
    "",
    "| process | seconds | range | caption |",
    "|---|---|---|---|",
  ];
  for (const { name, seconds, caption } of contestants) {
    const range = `${Math.min(...seconds).toFixed(2)}-${Math.max(...seconds).toFixed(2)}`;
    lines.push(`| ${name} | ${median(seconds).toFixed(2)} | ${range} | ${caption} |`);
  }
  const [ours, ...others] = contestants;
  for (const { name, seconds } of others) {
    lines.push(
      "",
      `* showtell's wall time is ${(median(ours!.seconds) / median(seconds)).toFixed(2)} times that of ${name}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
