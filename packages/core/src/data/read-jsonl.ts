import type { DatasetBuilder } from "./dataset-builder.js";
import { fault } from "./dataset-fault.js";
import type { CaptionFile } from "./dataset-layout.js";
import { asRecord } from "./json-document.js";
import { readLines } from "./read-lines.js";

const HINT = 'A line is one object: {"image": "photos/1.jpg", "captions": ["…"], "split": "train"}.';

/** Our own format: one image a line; further keys are ignored, `split` may be left out. */
export async function readJsonl({ path: file, nameSplit }: CaptionFile, builder: DatasetBuilder): Promise<void> {
  await readLines(file, builder.report, ({ text, number: line }) => {
    const place = { file, line };
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      builder.report(fault("error", "bad-json", place, "one JSON object a line", text, HINT));
      return;
    }
    const record = asRecord(value);
    const image = record?.["image"];
    const captions = record?.["captions"];
    if (record === undefined || typeof image !== "string") {
      builder.report(fault("error", "bad-record", place, "an object with an `image` path", value, HINT));
      return;
    }
    if (!Array.isArray(captions)) {
      builder.report(fault("error", "bad-record", place, "an array of strings as `captions`", captions, HINT));
      return;
    }
    const word = record["split"];
    const split = word === undefined || word === null ? (nameSplit ?? "train") : builder.splitOf(word, place);
    if (split === undefined) return;
    const draft = builder.addImage(image, image, split, place);
    if (draft !== undefined) for (const caption of captions) builder.addCaption(draft, caption, place);
  });
}
