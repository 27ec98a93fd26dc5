/**
 * Reads a feature store in one of three ways, in a process of its own so that its memory is told apart: as training does, and the bare file in order and at
 * random. A contender that answers JSON lines. Arguments: photos, views, the store's folder.
 */
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  assembleBatch,
  BATCHES_AHEAD,
  makeAhead,
  openFeatureStore,
  planEpoch,
  Random,
  toFloat32,
} from "@showtell/core";
import { FeatureWorkload } from "./feature-workload.js";

export interface FeaturesRequest {
  readonly do: "training" | "sequential" | "random";
  /** Photos (one view each), or as many bytes as they have. */
  readonly photos: number;
  readonly photosPerBatch: number;
}

export interface FeaturesAnswer {
  readonly seconds: number;
  /** Until the first batch could be asked for. */
  readonly openSeconds: number;
  readonly photos: number;
  readonly bytes: number;
  /** Processor time of all threads. */
  readonly cpuSeconds: number;
  /** Peaks of memory of its own (heap, buffers) and of mapped files (the system's cache); undefined where the system does not tell them apart. */
  readonly anonymousBytes?: number;
  readonly mappedBytes?: number;
  /** Values compared with what was written; a wrong one is an error. */
  readonly checked: number;
}

const [photos = "0", views = "0", directory = ""] = process.argv.slice(2);
const workload = await FeatureWorkload.of(Number(photos), Number(views));
const say = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Bare reads in flight at a time: as many as libuv has threads. */
const FILE_READS = 4;
const SEQUENTIAL_CHUNK = 1 << 20;
const PAGE = 4096;

async function readAsTraining({ photos: count, photosPerBatch }: FeaturesRequest) {
  const started = performance.now();
  const store = await openFeatureStore(directory, { encoder: workload.encoder });
  const source = store.source(workload.dataset);
  const openSeconds = (performance.now() - started) / 1000;
  const examples = {
    images: workload.dataset.images.map(({ id }) => ({ id, captions: [[2]] })),
    captionCount: workload.dataset.images.length,
    withoutFeatures: [],
    unusedCaptions: 0,
  };
  const feed = { source, grid: true, standardization: undefined };
  const random = new Random(Date.now());
  let [read, checked] = [0, 0];
  try {
    while (read < count) {
      const planned = planEpoch(
        examples,
        { batching: { by: "photos", photosPerBatch }, features: { views: [...store.views], standardize: true } },
        random,
      ).slice(0, Math.ceil((count - read) / photosPerBatch));
      const assemble = async (batch: (typeof planned)[number]) => ({
        requests: batch.requests,
        features: (await assembleBatch(batch, feed, { labelSmoothing: 0, dropoutSeed: 0 })).features,
      });
      for await (const { requests, features } of makeAhead(planned, BATCHES_AHEAD, assemble)) {
        read += requests.length;
        for (const [index, { imageId, view }] of requests.entries()) {
          for (const output of ["pooled", "grid"] as const) {
            const expected = workload.row(imageId, view, output);
            const { data } = features[output]!;
            for (const place of [0, expected.length >> 1, expected.length - 1]) {
              checked += 1;
              const value = valueAt(data, index * expected.length + place);
              if (value !== expected[place]) {
                throw new Error(`Expected ${expected[place]} in ${output} row of ${imageId} but received ${value}.`);
              }
            }
          }
        }
        watchMemory();
      }
    }
  } finally {
    await store.close();
  }
  return { photos: read, bytes: read * workload.bytesPerView, openSeconds, checked };
}

/** One of them alone: to widen a batch is no part of reading it. */
function valueAt(data: Float32Array | Uint16Array, place: number): number {
  if (data instanceof Float32Array) return data[place]!;
  return toFloat32({ shape: [1], data: data.subarray(place, place + 1) }).data[0]!;
}

/** The bare file, in order or at random places, in pieces. */
async function readFile({ do: order, photos: count }: FeaturesRequest) {
  const file = await open(join(directory, "features.mdb"), "r");
  try {
    const { size } = await file.stat();
    const piece = order === "sequential" ? SEQUENTIAL_CHUNK : Math.ceil(workload.bytesPerView / PAGE) * PAGE;
    const pieces = Math.min(Math.floor(size / piece), Math.ceil((count * workload.bytesPerView) / piece));
    const random = new Random(Date.now());
    const places = Array.from({ length: Math.floor(size / piece) }, (_, index) => index);
    if (order === "random") random.shuffle(places);
    let next = 0;
    const readOn = async () => {
      const buffer = Buffer.allocUnsafeSlow(piece);
      while (next < pieces) await file.read(buffer, 0, piece, places[next++]! * piece);
    };
    await Promise.all(Array.from({ length: FILE_READS }, readOn));
    watchMemory();
    return { photos: (pieces * piece) / workload.bytesPerView, bytes: pieces * piece, openSeconds: 0, checked: 0 };
  } finally {
    await file.close();
  }
}

const peaks = { RssAnon: 0, RssFile: 0 };

function watchMemory(): void {
  if (process.platform !== "linux") return;
  const status = readFileSync("/proc/self/status", "utf8");
  for (const key of ["RssAnon", "RssFile"] as const) {
    const kilobytes = Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0);
    peaks[key] = Math.max(peaks[key], kilobytes * 1024);
  }
}

async function answer(request: FeaturesRequest): Promise<FeaturesAnswer> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const done = await (request.do === "training" ? readAsTraining(request) : readFile(request));
  const seconds = (performance.now() - started) / 1000 - done.openSeconds;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    ...done,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    ...(peaks.RssAnon > 0 && { anonymousBytes: peaks.RssAnon, mappedBytes: peaks.RssFile }),
  };
}

say({ description: `${photos} photos, ${views} views`, versions: { node: process.version } });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say(await answer(JSON.parse(line) as FeaturesRequest));
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
