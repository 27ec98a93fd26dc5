import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { LmdbTable } from "./lmdb-table.js";
import { RowReader } from "./row-reader.js";

let directory: string;
let path: string;
let root: RootDatabase<string, string>;

const openRows = () => root.openDB<Buffer, Buffer>({ name: "rows", encoding: "binary", keyEncoding: "binary" });
const keyOf = (number: number) => createHash("sha256").update(`${number}`).digest();

/** Small ones lie in the tree, large ones on pages of their own. */
const storedValue = (number: number, generation = 0) =>
  Buffer.alloc(number % 3 === 0 ? 100 : 10_000 + (number % 7), `${number} ${generation} `);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-lmdb-"));
  path = join(directory, "test.mdb");
  root = open({ path, encoding: "string", maxDbs: 4, cache: false });
});

afterEach(async () => {
  await root.close();
  await rm(directory, { recursive: true });
});

async function put(from: number, to: number, generation = 0): Promise<void> {
  const rows = openRows();
  for (let number = from; number < to; number++) void rows.put(keyOf(number), storedValue(number, generation));
  await root.flushed;
}

async function readAll(reader: RowReader, numbers: readonly number[]): Promise<(string | undefined)[]> {
  const values: (string | undefined)[] = [];
  for (const number of numbers) {
    const target = Buffer.alloc(storedValue(number).length);
    const missed = await reader.read([keyOf(number)], target.length, target);
    values.push(missed.length === 0 ? target.toString() : undefined);
  }
  return values;
}

describe("RowReader", () => {
  it("reads what LMDB wrote, small and large, from a tree of several levels, and nothing else", async () => {
    for (let from = 0; from < 3000; from += 500) await put(from, from + 500);
    const reader = new RowReader(path, "rows");
    const numbers = Array.from({ length: 3000 }, (_, number) => number);
    expect(await readAll(reader, numbers)).toEqual(numbers.map((number) => storedValue(number).toString()));
    expect(await readAll(reader, [3000, 4000])).toEqual([undefined, undefined]);
    expect(numbers.every((number) => reader.has(keyOf(number)))).toBe(true);
    expect([reader.has(keyOf(3000)), reader.has(Buffer.alloc(0)), reader.has(Buffer.alloc(32, 255))]).toEqual([
      false,
      false,
      false,
    ]);
    await reader.close();
  });

  it("reads many at a time, in pieces of the size asked for only", async () => {
    await put(0, 100);
    const reader = new RowReader(path, "rows");
    const numbers = Array.from({ length: 33 }, (_, index) => 3 * index + 1).filter((number) => number % 7 === 1);
    const target = Buffer.alloc(numbers.length * 10_001);
    expect(await reader.read(numbers.map(keyOf), 10_001, target)).toEqual([]);
    expect(target.equals(Buffer.concat(numbers.map((number) => storedValue(number))))).toBe(true);
    expect(await reader.read([keyOf(0), keyOf(1)], 5, Buffer.alloc(10))).toEqual([0, 1]);
    await reader.close();
  });

  it("never gives a value whose place was written over, and sees what is new after a refresh", async () => {
    await put(0, 200);
    const reader = new RowReader(path, "rows");
    // Each generation frees the pages of the one before; soon they are used again.
    for (let generation = 1; generation <= 6; generation++) await put(0, 200, generation);
    const numbers = Array.from({ length: 200 }, (_, number) => number);
    const stale = await readAll(reader, numbers);
    for (const [number, value] of stale.entries()) expect([undefined, storedValue(number).toString()]).toContain(value);
    reader.refresh();
    expect(await readAll(reader, numbers)).toEqual(numbers.map((number) => storedValue(number, 6).toString()));
    await reader.close();
  });
});

describe("LmdbTable", () => {
  it("knows tables by name", async () => {
    await put(0, 10);
    const file = openSync(path, "r");
    expect(LmdbTable.open(file, "rows")?.find(keyOf(1))).toMatchObject({ size: 10_001 });
    expect(LmdbTable.open(file, "row")).toBeUndefined();
    closeSync(file);
  });

  it("gives some answer for any damaged file, without an error", async () => {
    await put(0, 600);
    const sound = readFileSync(path);
    const damagedPath = join(directory, "damaged.mdb");
    const random = new Random(7);
    for (let trial = 0; trial < 60; trial++) {
      const bytes = Buffer.from(sound);
      // The first half of each page has header and pointers, the second the entries.
      for (let change = 0; change < 400; change++) {
        const page = Math.floor((random.uniform() * bytes.length) / 4096);
        bytes[page * 4096 + Math.floor(random.uniform() * (trial % 2 === 0 ? 40 : 4096))] = Math.floor(
          random.uniform() * 256,
        );
      }
      writeFileSync(damagedPath, trial % 5 === 0 ? bytes.subarray(0, bytes.length >> 1) : bytes);
      const reader = new RowReader(damagedPath, "rows");
      await reader.read(
        Array.from({ length: 600 }, (_, number) => keyOf(number)),
        10_001,
        Buffer.alloc(600 * 10_001),
      );
      await reader.close();
    }
  });
});
