import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DatasetError, ShowtellError } from "../errors.js";
import { Random } from "../random.js";
import { mutateBytes, mutateJson } from "../testing/mutate.js";
import { withFiles } from "../testing/temporary-files.js";
import { diagnoseDataset } from "./diagnose-dataset.js";
import { loadDataset } from "./load-dataset.js";

const KARPATHY = {
  images: [
    { filename: "a.jpg", filepath: "", split: "train", sentences: [{ raw: "A dog." }, { raw: "Two dogs." }] },
    { filename: "b.jpg", split: "val", sentences: [{ raw: "A cat." }] },
  ],
};
const COCO = {
  images: [
    { id: 1, file_name: "a.jpg" },
    { id: "x", file_name: "b.jpg" },
  ],
  annotations: [
    { image_id: 1, caption: "A dog." },
    { image_id: "x", caption: "A cat." },
  ],
};

const FORMATS = {
  "captions.token.txt": "a.jpg#0\tA dog .\na.jpg#1\tDogs .\nb.jpg#0\tA cat – schön .\n",
  "captions.jsonl":
    '{"image": "a.jpg", "captions": ["A dog.", "Dogs."], "split": "train"}\n{"image": "b.jpg", "captions": ["schön"], "split": "dev"}\n',
  "captions.csv": 'image,split,caption\na.jpg,train,"A dog, brown"\nb.jpg,dev,"schön ""x"""\n',
  "dataset.json": JSON.stringify(KARPATHY, null, 1),
  "captions_train.json": JSON.stringify(COCO),
};

/** Loads and diagnoses; whatever is wrong must be a ShowtellError, and what one accepts the other must not call an error. */
async function check(path: string): Promise<"loaded" | "refused"> {
  let loaded = true;
  try {
    const dataset = await loadDataset(path);
    for (const image of dataset.images) expect(image.captions.every((caption) => caption.trim() !== "")).toBe(true);
  } catch (error) {
    if (!(error instanceof ShowtellError)) throw error;
    expect(error).toBeInstanceOf(DatasetError);
    expect(error.message.length).toBeLessThan(2000);
    loaded = false;
  }
  try {
    const { faults } = await diagnoseDataset(path);
    const textErrors = faults.filter(({ severity, code }) => severity === "error" && !/image$|empty-split/.test(code));
    if (loaded) expect(textErrors).toEqual([]);
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    expect(loaded).toBe(false);
  }
  return loaded ? "loaded" : "refused";
}

describe("damaged dataset files", () => {
  it.each(Object.entries(FORMATS))("never crash the readers: bytes of %s", async (name, content) => {
    const random = new Random(11);
    const outcomes = { loaded: 0, refused: 0 };
    await withFiles({ [name]: content, "a.jpg": "not looked at" }, async (directory) => {
      const path = join(directory, name);
      expect(await check(path)).toBe("loaded");
      for (let round = 0; round < 150; round++) {
        await writeFile(path, mutateBytes(Buffer.from(content), random));
        outcomes[await check(path)] += 1;
      }
    });
    expect(outcomes.refused).toBeGreaterThan(20);
  });

  it.each([
    ["dataset.json", KARPATHY],
    ["captions_train.json", COCO],
  ])("never crash the readers: values of %s", async (name, value) => {
    const random = new Random(13);
    const outcomes = { loaded: 0, refused: 0 };
    await withFiles({ "a.jpg": "not looked at" }, async (directory) => {
      const path = join(directory, name);
      for (let round = 0; round < 250; round++) {
        await writeFile(path, JSON.stringify(mutateJson(value, random)) ?? "");
        outcomes[await check(path)] += 1;
      }
    });
    expect(outcomes.refused).toBeGreaterThan(100);
  });

  it.each([
    ["zero bytes", Buffer.alloc(100_000)],
    ["one endless line", Buffer.alloc(3_000_000, "x")],
    ["deep nesting", Buffer.from(`{"images": ${"[".repeat(200_000)}`)],
    ["deep nesting, closed", Buffer.from(`{"images": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
    [
      "an open quote over a megabyte",
      Buffer.from(`image,caption\na.jpg,"${"some words of a caption\n".repeat(50_000)}`),
    ],
    ["too many columns", Buffer.from(`image,caption\n${".".repeat(200_000)}\n`)],
    ["UTF-16", Buffer.from("image,caption\na.jpg,A dog\n", "utf16le")],
  ])("are refused: %s", async (_, bytes) => {
    for (const name of ["captions.csv", "captions.jsonl", "captions_train.json"]) {
      await withFiles({ [name]: bytes }, async (directory) => {
        expect(await check(join(directory, name))).toBe("refused");
      });
    }
  });
});
