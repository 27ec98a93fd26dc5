#!/usr/bin/env node
// `pnpm bench <what>`: each benchmark is a module of bench/dist with a `run(arguments)`, loaded only when asked for.
import { existsSync } from "node:fs";

const BENCHMARKS = {
  decode: "captions a second from features, greedy and beam: backends and PyTorch",
  train: "captions a second in training: backends, PyTorch, the BLAS roofline",
  epoch: "an epoch of a dataset, reference recipe: native and PyTorch on the same batches",
  features: "features a second from a store, as training reads them: beside the bare disk, and the memory that takes",
  encode: "photos a second through the encoder: onnxruntime and peers",
  serve: "requests a second and latency of `showtell serve`, over loopback",
  startup: "first caption of a cold process",
  tune: "a study with the median pruner and without",
  score: "captions scored a second, and agreement with pycocoevalcap",
  agree: "captions of a dataset by the native search, by core and by TensorFlow.js: the same?",
};

const [name, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(BENCHMARKS, name ?? "")) {
  const list = Object.entries(BENCHMARKS).map(([key, text]) => `  ${key.padEnd(8)} ${text}`);
  const usage = `Usage: pnpm bench <what> [--help]\n${list.join("\n")}\n`;
  const asked = name === undefined || name === "--help";
  (asked ? process.stdout : process.stderr).write(usage);
  process.exit(asked ? 0 : 2);
}

const module = new URL(`../dist/${name}.js`, import.meta.url);
if (!existsSync(module)) {
  process.stderr.write(`Expected a built benchmark for ${name} but received none.\nHint: pnpm turbo build\n`);
  process.exit(2);
}
const { run } = await import(module.href);
try {
  await run(rest);
} catch (error) {
  // Mistakes in the options are the user's; anything else is a bug and keeps its stack.
  const isUsage =
    error?.code?.startsWith?.("ERR_PARSE_ARGS") || error?.hint !== undefined || error?.name === "OptionError";
  process.stderr.write(
    isUsage ? `${error.message}${error.hint ? `\nHint: ${error.hint}` : ""}\n` : `${error?.stack ?? error}\n`,
  );
  process.exitCode = isUsage ? 2 : 1;
}
