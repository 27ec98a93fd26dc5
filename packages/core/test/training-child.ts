import { argv, stdout } from "node:process";
import { openTfjsBackend } from "../src/decoder/tfjs/tfjs-backend.js";
import { toyTraining } from "../src/testing/toy-training.js";
import { train } from "../src/training/train.js";

// A training in a process of its own, so that a test can kill it: one line on stdout for each progress event, `finished` at the end.
const [, , runDirectory, mode] = argv;
const backend = await openTfjsBackend("cpu");
const result = await train({
  ...toyTraining(),
  backend,
  runDirectory: runDirectory!,
  resume: mode === "resume",
  onProgress: ({ stage, epoch, step }) => stdout.write(`${stage} ${epoch} ${step}\n`),
});
await backend.dispose();
stdout.write(result.interrupted ? "interrupted\n" : "finished\n");
