import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AbortedError, DatasetError } from "../errors.js";
import { withFiles } from "../testing/temporary-files.js";
import { type DiagnosisOptions, diagnoseDataset } from "./diagnose-dataset.js";
import { MAX_LISTED_FAULTS } from "./limits.js";

const TINY = fileURLToPath(new URL("../../../../fixtures/tiny-dataset", import.meta.url));
const CAT = readFileSync(`${TINY}/images/cat.jpg`);
const COFFEE = readFileSync(`${TINY}/images/coffee.jpg`);
const ROCKET = readFileSync(`${TINY}/images/rocket.jpg`);

function diagnose(files: Record<string, string | Uint8Array>, options: DiagnosisOptions = {}) {
  return withFiles(files, async (directory) => {
    const report = await diagnoseDataset(directory, options);
    const short = report.faults.map(
      ({ severity, code, file, line }) => `${severity} ${code} ${file.slice(directory.length + 1)}:${line ?? ""}`,
    );
    return { report, short };
  });
}

const jsonl = (...lines: [string, string[], string][]) =>
  lines.map(([image, captions, split]) => `${JSON.stringify({ image, captions, split })}\n`).join("");

const SOUND = jsonl(["cat.jpg", ["A cat."], "train"], ["coffee.jpg", ["A cup."], "dev"]);

describe("diagnoseDataset", () => {
  it("finds nothing in a sound dataset, and counts its splits", async () => {
    const report = await diagnoseDataset(TINY, { decodeImages: true });
    expect(report.faults).toEqual([]);
    expect(report).toMatchObject({
      errorCount: 0,
      warningCount: 0,
      faultCounts: {},
      dataset: {
        name: "tiny-dataset",
        format: "jsonl",
        splits: {
          train: { images: 10, captions: 22 },
          dev: { images: 4, captions: 8 },
          test: { images: 0, captions: 0 },
        },
        leftOut: { images: 0, captions: 0 },
      },
    });
  });

  it("takes CRLF and a byte order mark without a word", async () => {
    const { short } = await diagnose({
      "c.jsonl": `\ufeff${SOUND.replaceAll("\n", "\r\n")}`,
      "cat.jpg": CAT,
      "coffee.jpg": COFFEE,
    });
    expect(short).toEqual([]);
  });

  it("names all faults of the lines in one pass", async () => {
    const broken = Buffer.concat([
      Buffer.from(`${SOUND}{"image": \n{"image": "x.jpg"}\n`),
      Buffer.from(
        jsonl(["cat.jpg", ["Again."], "train"], ["y.jpg", ["Y."], "holdout"], ["rocket.jpg", ["", "caf? "], "dev"]),
      ),
    ]);
    broken[broken.indexOf("caf?") + 3] = 0xe9;
    const { short } = await diagnose({ "c.jsonl": broken, "cat.jpg": CAT, "coffee.jpg": COFFEE, "rocket.jpg": ROCKET });
    expect(short).toEqual([
      "error bad-json c.jsonl:3",
      "error bad-record c.jsonl:4",
      "error duplicate-id c.jsonl:5",
      "error unknown-split c.jsonl:6",
      "error invalid-utf8 c.jsonl:7",
      "warning empty-caption c.jsonl:7",
    ]);
  });

  it("finds captions without words, repeated captions, images without captions, and empty splits", async () => {
    const text = jsonl(["cat.jpg", [".", "A cat.", "A cat. "], "test"], ["coffee.jpg", [], "train"]);
    const { short } = await diagnose({ "c.jsonl": text, "cat.jpg": CAT, "coffee.jpg": COFFEE });
    expect(short).toEqual([
      "warning wordless-caption c.jsonl:1",
      "warning duplicate-caption c.jsonl:1",
      "warning image-without-captions c.jsonl:2",
      "error empty-split c.jsonl:",
      "warning empty-split c.jsonl:",
    ]);
  });

  it("finds missing and unreadable photos, without decoding", async () => {
    const text = jsonl(
      ["gone.jpg", ["A."], "train"],
      ["text.jpg", ["A."], "train"],
      ["empty.jpg", ["A."], "dev"],
      ["folder", ["A."], "dev"],
      ["cat.jpg", ["A."], "dev"],
    );
    const files = { "c.jsonl": text, "text.jpg": "hello", "empty.jpg": "", "folder/x": "", "cat.jpg": CAT };
    const { short, report } = await diagnose(files);
    expect(short.sort()).toEqual([
      "error missing-image c.jsonl:1",
      "error unreadable-image c.jsonl:2",
      "error unreadable-image c.jsonl:3",
      "error unreadable-image c.jsonl:4",
    ]);
    expect(report.faults.every(({ message, hint }) => message.startsWith("Expected ") && hint !== "")).toBe(true);
  });

  it("finds truncated photos when it may decode them", async () => {
    const files = { "c.jsonl": SOUND, "cat.jpg": CAT.subarray(0, CAT.length / 2), "coffee.jpg": COFFEE };
    expect((await diagnose(files)).short).toEqual([]);
    expect((await diagnose(files, { decodeImages: true })).short).toEqual(["error unreadable-image c.jsonl:1"]);
  });

  it("tells equal photos of one split from leaks between splits", async () => {
    const text = jsonl(
      ["cat.jpg", ["A."], "train"],
      ["coffee.jpg", ["B."], "train"],
      ["coffee-again.jpg", ["C."], "train"],
      ["cat-again.jpg", ["D."], "dev"],
    );
    const files = {
      "c.jsonl": text,
      "cat.jpg": CAT,
      "cat-again.jpg": CAT,
      "coffee.jpg": COFFEE,
      "coffee-again.jpg": COFFEE,
    };
    const { short, report } = await diagnose(files);
    expect(short).toEqual(["warning duplicate-image c.jsonl:3", "error leaked-image c.jsonl:4"]);
    expect(report.faults[1]?.message).toMatch(
      /^Expected another photo than cat.jpg \(train\) of .*c.jsonl:1 for .*c.jsonl:4 but received "cat-again.jpg \(dev\) with the same bytes"\.$/,
    );
  });

  it("reports the known warts of Flickr8k and goes on", async () => {
    const { short, report } = await diagnose({
      "Flickr8k_text/Flickr8k.token.txt":
        "cat.jpg#0\tA cat .\ncat.jpg#0\tA cat again .\ncoffee.jpg#0\tA cup .\n2258277193_586949ec62.jpg.1#0\tPeople .\nrocket.jpg#0\tA rocket .\n",
      "Flickr8k_text/Flickr_8k.devImages.txt": "coffee.jpg\n",
      "Flickr8k_text/Flickr_8k.trainImages.txt": "cat.jpg\ncat.jpg\ngone.jpg\ncoffee.jpg\n",
      "Flicker8k_Dataset/cat.jpg": CAT,
      "Flicker8k_Dataset/coffee.jpg": COFFEE,
      "Flicker8k_Dataset/rocket.jpg": ROCKET,
    });
    expect(short).toEqual([
      "warning duplicate-id Flickr8k_text/Flickr8k.token.txt:2",
      "warning duplicate-id Flickr8k_text/Flickr_8k.trainImages.txt:2",
      "error overlapping-splits Flickr8k_text/Flickr_8k.trainImages.txt:4",
      "warning image-without-captions Flickr8k_text/Flickr_8k.trainImages.txt:3",
      "warning caption-of-missing-image Flickr8k_text/Flickr8k.token.txt:4",
      "warning image-in-no-split Flickr8k_text/Flickr8k.token.txt:5",
      "error missing-image Flickr8k_text/Flickr_8k.trainImages.txt:3",
    ]);
    expect(report.dataset?.leftOut).toEqual({ images: 2, captions: 2 });
  });

  it("names captions of images that a COCO file does not list", async () => {
    const coco = {
      images: [{ id: 1, file_name: "cat.jpg" }],
      annotations: [
        { image_id: 1, caption: "A cat." },
        { image_id: 2, caption: "B." },
      ],
    };
    const { short } = await diagnose({ "captions_train.json": JSON.stringify(coco, null, 1), "cat.jpg": CAT });
    expect(short).toEqual([
      "warning caption-of-unknown-image captions_train.json:13",
      "warning empty-split captions_train.json:",
    ]);
  });

  it("says where a document cannot be read any further", async () => {
    const { report, short } = await diagnose({ "captions.json": '{"images": [],\n"annotations": [}\n' });
    expect(report.dataset).toBeNull();
    expect(short).toEqual(["error bad-json captions.json:2"]);
  });

  it("lists a bounded number of faults of a kind and counts all", async () => {
    const { report } = await diagnose({ "c.jsonl": SOUND + "[]\n".repeat(1000), "cat.jpg": CAT, "coffee.jpg": COFFEE });
    expect(report.faults).toHaveLength(MAX_LISTED_FAULTS);
    expect(report.faultCounts).toEqual({ "bad-record": 1000 });
    expect(report.errorCount).toBe(1000);
  });

  it("tells how far it is, and stops when asked", async () => {
    const files = { "c.jsonl": SOUND, "cat.jpg": CAT, "coffee.jpg": COFFEE };
    const calls: string[] = [];
    await diagnose(files, { onProgress: (done, total) => calls.push(`${done}/${total}`) });
    expect(calls).toEqual(["2/2"]);
    await expect(diagnose(files, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  });

  it("refuses a path without a dataset", async () => {
    await expect(diagnose({ "a.txt": "hello" })).rejects.toThrow(DatasetError);
  });
});
