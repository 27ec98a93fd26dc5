/** A contender that runs one of our own backends: `node worker.js <backend> [tfjs flavour] <folder>`, one JSON line in, one out. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  type Backend,
  type BackendDecoder,
  type DecoderSpec,
  type Features,
  generate,
  type NamedTensors,
  NO_DROPOUT,
  parameterShapes,
  type TrainingBatch,
} from "@showtell/core";
import { ArrayFile } from "./array-file.js";
import { openContenderBackend } from "./open-contender-backend.js";
import type { DecodeCase, TrainCase, Workload } from "./workload.js";

const UPDATE = { learningRate: 5e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 5 };

interface Request {
  readonly do: "decode" | "train" | "losses";
  readonly case: string;
  readonly threads: number;
  readonly iterations?: number;
  /** Batch to begin with; 0 by default. */
  readonly first?: number;
}

class Runner {
  readonly #workload: Workload;
  readonly #arrays: ArrayFile;
  readonly #decoders = new Map<string, BackendDecoder>();

  constructor(
    private readonly backend: Backend,
    private readonly setThreads: (count: number) => void,
    workload: Workload,
    arrays: ArrayFile,
  ) {
    this.#workload = workload;
    this.#arrays = arrays;
  }

  async answer(request: Request): Promise<unknown> {
    this.setThreads(request.threads);
    if (request.do === "decode") return this.decode(find(this.#workload.decode, request.case), request.iterations ?? 1);
    const one = find(this.#workload.train, request.case);
    return request.do === "train" ? this.train(one, request) : this.losses(one);
  }

  async decode(one: DecodeCase, iterations: number) {
    const decoder = await this.#decoder(one.name, one.spec);
    const features = this.#features(`${one.name}/features`);
    const { beamWidth, maxLength } = one;
    let captions: number[][] = [];
    const stop = startClock();
    for (let i = 0; i < iterations; i++) {
      const generated = await generate(decoder, features, {
        beamWidth,
        maxLength,
        nBest: 1,
        lengthPenaltyFormula: "none",
      });
      captions = generated.map((result) => [...result.captions[0]!.tokenIds]);
    }
    return { ...stop(), captions };
  }

  async train(one: TrainCase, { first = 0, iterations = one.batches }: Request) {
    const decoder = await this.#decoder(one.name, one.spec);
    const stop = startClock();
    for (let i = first; i < first + iterations; i++) {
      await decoder.trainStep(this.#batch(one, i % one.batches, i), UPDATE);
    }
    return stop();
  }

  /** Loss per token of the first steps without dropout, to be compared between contenders. */
  async losses(one: TrainCase) {
    const decoder = await this.backend.createDecoder(
      { ...one.spec, dropout: NO_DROPOUT },
      this.#parameters(one.name, one.spec),
    );
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { lossSum, tokenCount } = await decoder.trainStep(this.#batch(one, i % one.batches, i), UPDATE);
      losses.push(lossSum / tokenCount);
    }
    decoder.dispose();
    return { losses };
  }

  async #decoder(name: string, spec: DecoderSpec): Promise<BackendDecoder> {
    const existing = this.#decoders.get(name);
    if (existing !== undefined) return existing;
    const decoder = await this.backend.createDecoder(spec, this.#parameters(name, spec));
    this.#decoders.set(name, decoder);
    return decoder;
  }

  #parameters(name: string, spec: DecoderSpec): NamedTensors {
    return new Map(parameterShapes(spec).map((p) => [p.name, this.#arrays.float32(`${name}/parameters/${p.name}`)]));
  }

  #features(prefix: string): Features {
    const pooled = this.#arrays.float32(`${prefix}/pooled`);
    return this.#arrays.has(`${prefix}/grid`) ? { pooled, grid: this.#arrays.float32(`${prefix}/grid`) } : { pooled };
  }

  #batch(one: TrainCase, index: number, seed: number): TrainingBatch {
    const prefix = `${one.name}/batch ${index}`;
    const tokenIds = this.#arrays.int32(`${prefix}/tokenIds`);
    const lengths = this.#arrays.int32(`${prefix}/lengths`);
    return {
      features: this.#features(prefix),
      imageOfRow: this.#arrays.int32(`${prefix}/imageOfRow`),
      batchSize: lengths.length,
      timeSteps: tokenIds.length / lengths.length,
      tokenIds,
      lengths,
      labelSmoothing: 0,
      dropoutSeed: seed,
    };
  }
}

function find<Case extends { readonly name: string }>(cases: readonly Case[], name: string): Case {
  const one = cases.find((candidate) => candidate.name === name);
  if (one === undefined) throw new Error(`Expected a case of the workload but received ${name}.`);
  return one;
}

/** Wall and processor time until the returned function is called. */
function startClock(): () => { seconds: number; cpuSeconds: number } {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - wall) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const directory = process.argv.at(-1)!;
const [kind, flavour] = process.argv.slice(2, -1);
try {
  const { backend, setThreads, versions } = await openContenderBackend(kind ?? "", flavour);
  const workload = JSON.parse(await readFile(join(directory, "workload.json"), "utf8")) as Workload;
  const arrays = new ArrayFile(workload.arrays, await readFile(join(directory, "arrays.bin")));
  const runner = new Runner(backend, setThreads, workload, arrays);
  say({ description: backend.device.description, versions: { node: process.versions.node, ...versions } });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await runner.answer(JSON.parse(line) as Request));
    } catch (error) {
      say({ error: messageOf(error) });
    }
  }
} catch (error) {
  say({ unavailable: messageOf(error) });
}
process.exit();
