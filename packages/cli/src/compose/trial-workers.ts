import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ShowtellError, type Trial, type TrialJob, type TrialOutcome } from "@showtell/core";
import type { FromWorker, ToWorker, TrialProgress, WorkerSetup } from "./trial-protocol.js";

/** Beside the bundle that this file becomes part of. */
const WORKER = fileURLToPath(new URL("./tune-worker.js", import.meta.url));
/** A worker that dies without a word (out of memory, say) is replaced, and its trial goes on from its checkpoint; so often, then the trial has failed. */
const ATTEMPTS = 3;
const STDERR_TAIL = 2000;

export interface TrialWorkersOptions {
  readonly setup: WorkerSetup;
  /** One for each trial that may run at a time. */
  readonly environments: readonly NodeJS.ProcessEnv[];
  readonly onProgress?: (trial: Trial, progress: TrialProgress) => void;
}

/** The processes that train a study's trials: one for each place, forked when first needed, kept for the next trial. */
export class TrialWorkers {
  private readonly children = new Map<number, Worker>();

  constructor(private readonly options: TrialWorkersOptions) {}

  /** Trains a trial in its folder, from its beginning or from what is there. @throws ShowtellError where no trial can be trained */
  async runTrial(trial: Trial, job: TrialJob, runDirectory: string): Promise<TrialOutcome> {
    for (let attempt = 1; ; attempt++) {
      const worker = this.workerAt(job.place);
      const outcome = await worker.train(job, {
        runDirectory,
        onProgress: (progress) => this.options.onProgress?.(trial, progress),
      });
      if (outcome.kind !== "died") return outcome;
      this.children.delete(job.place);
      if (job.signal.aborted) return { kind: "interrupted" };
      if (attempt === ATTEMPTS) return { kind: "failed", error: outcome.error };
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.children.values()].map((worker) => worker.close()));
    this.children.clear();
  }

  private workerAt(place: number): Worker {
    const running = this.children.get(place);
    if (running) return running;
    const worker = new Worker(this.options.setup, this.options.environments[place]!);
    this.children.set(place, worker);
    return worker;
  }
}

type WorkerOutcome = TrialOutcome | { readonly kind: "died"; readonly error: string };

interface TrialPlace {
  readonly runDirectory: string;
  readonly onProgress: (progress: TrialProgress) => void;
}

class Worker {
  private readonly child: ChildProcess;
  private readonly ended: Promise<string>;
  private stderr = "";

  constructor(setup: WorkerSetup, environment: NodeJS.ProcessEnv) {
    this.child = fork(WORKER, { env: environment, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.child.stderr!.on("data", (text: Buffer) => {
      this.stderr = `${this.stderr}${text}`.slice(-STDERR_TAIL);
    });
    this.ended = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message));
      this.child.once("close", (code, signal) => resolve(`Its process ended with ${signal ?? `exit code ${code}`}.`));
    });
    this.send({ kind: "open", setup });
  }

  /** @throws ShowtellError where the worker says that no trial can be trained */
  async train(job: TrialJob, { runDirectory, onProgress }: TrialPlace): Promise<WorkerOutcome> {
    const { recipe, signal, onEpoch } = job;
    const stop = () => this.send({ kind: "stop" });
    let listener: (message: FromWorker) => void = () => undefined;
    const over = new Promise<WorkerOutcome>((resolve, reject) => {
      listener = (message) => {
        try {
          if (message.kind === "progress") onProgress(message.progress);
          else if (message.kind === "epoch") this.send({ kind: "verdict", goOn: onEpoch(message.metrics) });
          else if (message.kind === "over") resolve({ kind: message.interrupted ? "interrupted" : "finished" });
          else if (message.kind === "failed") resolve({ kind: "failed", error: message.error });
          else reject(new ShowtellError(message.message, { hint: message.hint }));
        } catch (error) {
          reject(error);
        }
      };
      void this.ended.then((how) => resolve({ kind: "died", error: [how, this.stderr.trim()].join(" ").trim() }));
    });
    this.child.on("message", listener);
    signal.addEventListener("abort", stop);
    try {
      this.send({ kind: "train", recipe, runDirectory });
      if (signal.aborted) stop();
      return await over;
    } finally {
      signal.removeEventListener("abort", stop);
      this.child.off("message", listener);
    }
  }

  /** Idle or not: what a worker has written is whole at any moment. */
  async close(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  private send(message: ToWorker): void {
    // A worker that is gone is noticed by its end.
    if (this.child.connected) this.child.send(message, () => undefined);
  }
}
