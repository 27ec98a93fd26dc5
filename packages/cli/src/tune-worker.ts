// The process behind `showtell tune` that trains its trials, one after the other. It lives only as long as the one that forked it.
import { existsSync } from "node:fs";
import {
  type Backend,
  type Checkpoint,
  type EpochMetrics,
  RecipeError,
  RunLock,
  readCheckpoint,
  runPaths,
  ShowtellError,
  type TrainingProgress,
  train,
} from "@showtell/core";
import { prepareRewards } from "./compose/caption-rewards.js";
import { type EncodedDataset, openEncodedDataset } from "./compose/encoded-dataset.js";
import { openDecoderBackend } from "./compose/open-decoder-backend.js";
import { scoreCaptions, scoreSignature } from "./compose/score-captions.js";
import type { FromWorker, ToWorker, WorkerSetup } from "./compose/trial-protocol.js";
import { Terminal } from "./render/terminal.js";

/** A worker of a study that was just killed needs a moment to notice. */
const LOCK_PATIENCE_SECONDS = 30;
const PROGRESS_INTERVAL_MS = 500;

interface Opened {
  readonly data: EncodedDataset;
  readonly backend: Backend;
  readonly startFrom: Checkpoint | undefined;
}

let opened: Promise<Opened> | undefined;
let stop = new AbortController();
let giveVerdict: (goOn: boolean) => void = () => undefined;

// Ctrl-C reaches every process of the terminal; what is to be done about it is the study's to say.
process.on("SIGINT", () => undefined);
// Nobody is left to tell. Whatever is on disk is whole at any moment, so the shortest end is right.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "open":
      opened = open(message.setup);
      opened.catch(() => undefined);
      break;
    case "train":
      stop = new AbortController();
      void trainTrial(message).then(send);
      break;
    case "verdict":
      giveVerdict(message.goOn);
      break;
    case "stop":
      stop.abort();
      break;
  }
});

async function open({ backend, startFrom, ...setup }: WorkerSetup): Promise<Opened> {
  const terminal = new Terminal({ quiet: true });
  const data = await openEncodedDataset({ ...setup, terminal, signal: stop.signal });
  return {
    data,
    backend: await openDecoderBackend(backend),
    startFrom: startFrom === undefined ? undefined : await readCheckpoint(startFrom),
  };
}

async function trainTrial({ recipe, runDirectory }: ToWorker & { kind: "train" }): Promise<FromWorker> {
  try {
    const { data, backend, startFrom } = await opened!;
    const resume = existsSync(runDirectory);
    if (resume) {
      const lock = await RunLock.acquire(runPaths(runDirectory).lock, { patienceSeconds: LOCK_PATIENCE_SECONDS });
      await lock.release();
    }
    const { dataset, store } = data;
    const { interrupted } = await train({
      recipe,
      dataset,
      features: store.source(dataset),
      encoder: { fingerprint: store.fingerprint, spec: JSON.parse(JSON.stringify(store.encoder)) },
      backend,
      runDirectory,
      resume,
      ...(startFrom && { startFrom }),
      prepareRewards,
      scoreCaptions,
      scoreSignature: scoreSignature(recipe.decoding),
      signal: stop.signal,
      onProgress: reportProgress,
      onEpoch: askVerdict,
    });
    return { kind: "over", interrupted };
  } catch (error) {
    if (error instanceof RecipeError) return { kind: "failed", error: error.message };
    if (error instanceof ShowtellError) return { kind: "refused", message: error.message, hint: error.hint };
    throw error;
  }
}

async function askVerdict(metrics: EpochMetrics): Promise<void> {
  const verdict = new Promise<boolean>((resolve) => {
    giveVerdict = resolve;
  });
  send({ kind: "epoch", metrics });
  if (!(await verdict)) stop.abort();
}

let lastProgress = 0;
function reportProgress({ stage, epoch, epochs, step, steps }: TrainingProgress): void {
  const now = Date.now();
  if (now - lastProgress < PROGRESS_INTERVAL_MS) return;
  lastProgress = now;
  send({ kind: "progress", progress: { stage, epoch, epochs, step, steps } });
}

function send(message: FromWorker): void {
  process.send?.(message);
}
