import * as fs from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EncoderSpec } from "../encoders/encoder-spec.js";
import { readEncoderSpec } from "../encoders/image-encoder.js";
import { FeatureStoreError } from "../errors.js";
import { writeTinyEncoder } from "../testing/tiny-encoder.js";
import { CommitWatch } from "./commit-watch.js";
import { encodeDataset } from "./encode-dataset.js";
import { openFeatureStore } from "./feature-store.js";

// What a disk says is given here: tests cannot make full and read-only ones.
vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  return { ...real, accessSync: vi.fn(real.accessSync), statfsSync: vi.fn(real.statfsSync) };
});

let directory: string;
let encoder: EncoderSpec;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-disk-"));
  encoder = await readEncoderSpec(await writeTinyEncoder(directory));
});
afterEach(async () => {
  vi.mocked(fs.accessSync).mockReset();
  vi.mocked(fs.statfsSync).mockReset();
  await rm(directory, { recursive: true });
});

const open = () => openFeatureStore(join(directory, "store"), { encoder, create: true });
const views = new Map([["plain" as const, { pooled: new Float32Array(5) }]]);
const sha256 = "ab".repeat(32);

function setRoom(bytes: number, blocks = 1000): void {
  vi.mocked(fs.statfsSync).mockReturnValue({ bavail: bytes, bsize: 1, blocks } as never);
}

async function refusal(work: () => unknown): Promise<FeatureStoreError> {
  const error = await Promise.resolve()
    .then(work)
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FeatureStoreError);
  return error as FeatureStoreError;
}

describe("a feature store on a full disk", () => {
  it("is not begun, and says so", async () => {
    setRoom(1000);
    const error = await refusal(open);
    expect(error.message).toMatch(/^Expected room for \d+ bytes for .*store but received "1000 bytes of room"\.$/);
    expect(error.hint).toContain("The disk is full");
    expect(await readdir(join(directory, "store"))).toEqual([]);
  });

  it("is written to no more, and what is there can be read", async () => {
    const first = await open();
    first.putImage(sha256, { id: "a", views });
    await first.close();
    setRoom(1000);
    const store = await open();
    expect(store.hasImage(sha256)).toBe(true);
    for (const put of [
      () => store.putImage("cd".repeat(32), { id: "b", views }),
      () => store.putLink("b", { sha256, bytes: 1 }),
    ]) {
      expect((await refusal(put)).hint).toContain("The disk is full");
    }
    await store.close();
  });

  it("is trusted to have room where the disk says that it has no blocks at all", async () => {
    setRoom(0, 0);
    const store = await open();
    store.putImage(sha256, { id: "a", views });
    await store.flush();
    await store.close();
  });

  it("says what LMDB said where a write fails all the same, and can be closed", async () => {
    const never = new Promise<boolean>(() => undefined);
    const commits = new CommitWatch({ flushed: never, close: () => never } as never, directory);
    const commitError = Promise.reject(new Error("Input/output error"));
    commits.add(() => Promise.reject(Object.assign(new Error("Commit failed"), { commitError })));
    const error = await refusal(() => commits.flush());
    expect(error.message).toContain("Input/output error");
    expect(error.hint).toContain("disk is full");
    expect(await refusal(() => commits.add(() => never))).toBe(error);
    await commits.close();
  });
});

describe("a feature store on a read-only disk", () => {
  beforeEach(async () => {
    const store = await open();
    store.putImage(sha256, { id: "a", views });
    store.putLink("a", { sha256, bytes: 1 });
    await store.close();
    vi.mocked(fs.accessSync).mockImplementation(() => {
      throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
    });
  });

  it("is read, also by who would fill it", async () => {
    const store = await open();
    expect(store.writable).toBe(false);
    expect(store.hasImage(sha256)).toBe(true);
    store.putLink("a", { sha256, bytes: 2 });
    expect(store.link("a")?.bytes).toBe(2);
    await store.close();
    const again = await open();
    expect(again.link("a")?.bytes).toBe(1);
    await again.close();
  });

  it("says what to do where something must be encoded, and never to delete it", async () => {
    const store = await open();
    const dataset = { name: "x", format: "jsonl", images: [], sha256: "" } as const;
    const unused = { fingerprint: store.fingerprint, outputs: store.outputs, spec: encoder } as never;
    const error = await refusal(() => encodeDataset(dataset, unused, store));
    expect(error.message).toContain("a feature store that can be written to");
    expect(error.hint).toContain("copy the store");
    await store.close();
    const grown = await refusal(() =>
      openFeatureStore(join(directory, "store"), { encoder, views: ["mirrored"], create: true }),
    );
    expect(grown.hint).not.toMatch(/delete/i);
  });
});
