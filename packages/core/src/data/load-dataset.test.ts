import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Files, failure, load } from "../testing/load-files.js";
import { loadDataset } from "./load-dataset.js";

describe("finding the dataset", () => {
  it.each([
    [
      "nothing at the path",
      {},
      "missing",
      /^Expected a file or directory for the dataset but received "DIR\/missing"\.$/,
    ],
    [
      "a directory without captions",
      { "a.jpg": "x", "notes.txt": "hello" },
      "",
      /^Expected a file with captions for DIR but received/,
    ],
    [
      "an empty captions file",
      { "captions.jsonl": "" },
      "captions.jsonl",
      /^Expected captions for DIR\/captions.jsonl but received "an empty file"\.$/,
    ],
    [
      "a file of another kind",
      { "a.txt": "hello" },
      "a.txt",
      /^Expected captions for DIR\/a.txt but received "another kind of file"\.$/,
    ],
    [
      "a dataset without any caption",
      { "c.jsonl": '{"image": "a", "captions": [""]}' },
      "",
      /^Expected captions for DIR\/c.jsonl but received "none"\.$/,
    ],
    [
      "two datasets in one directory",
      { "a.jsonl": '{"image": "a"}', "b.csv": "image,caption\na,b\n" },
      "",
      /^Expected one set of captions for DIR but received "DIR\/a.jsonl, DIR\/b.csv"\.$/,
    ],
  ])("says so: %s", async (_, files, path, message) => {
    const error = await failure(files as Files, path);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });
});

describe("the dataset's sha256", () => {
  const csv = (caption: string, split = "train") => ({ "c.csv": `image,split,caption\na.jpg,${split},${caption}\n` });

  it("depends on ids, captions and splits, and on nothing else", async () => {
    const { sha256 } = await load(csv("A dog"));
    const jsonl = { "d/x.jsonl": '{"split": "train", "captions": ["A dog"], "image": "a.jpg"}' };
    expect((await load(jsonl, "d")).sha256).toBe(sha256);
    expect((await load(csv("A cat"))).sha256).not.toBe(sha256);
    expect((await load(csv("A dog", "dev"))).sha256).not.toBe(sha256);
  });
});

it("loads the tiny dataset of the fixtures", async () => {
  const dataset = await loadDataset(fileURLToPath(new URL("../../../../fixtures/tiny-dataset", import.meta.url)));
  expect(dataset.name).toBe("tiny-dataset");
  expect(dataset.images).toHaveLength(14);
});
