import type { DatasetFormat } from "./dataset.js";
import type { DatasetBuilder } from "./dataset-builder.js";
import { DatasetFaultError, fault } from "./dataset-fault.js";
import type { CaptionFile } from "./dataset-layout.js";
import { asRecord, type JsonDocument, readJsonDocument } from "./json-document.js";

const HINT = "See docs/formats/datasets.md for what Karpathy and COCO captions files hold.";

/** Reads a Karpathy document (images with `sentences`) or a COCO captions document (`images` and `annotations`), and says which it was. */
export async function readJson(
  file: CaptionFile,
  builder: DatasetBuilder,
): Promise<Extract<DatasetFormat, "karpathy" | "coco">> {
  const document = await readJsonDocument(file.path, builder.report);
  const { images, annotations } = document.value;
  const place = { file: file.path, line: null };
  if (!Array.isArray(images)) {
    throw new DatasetFaultError(fault("error", "bad-json", place, "an array as `images`", images, HINT));
  }
  if (Array.isArray(annotations)) {
    readCoco(document, images, annotations, file, builder);
    return "coco";
  }
  if (images.length > 0 && images.every((image) => asRecord(image)?.["sentences"] === undefined)) {
    const what = "`annotations` (COCO) or `sentences` in the images (Karpathy)";
    throw new DatasetFaultError(fault("error", "bad-json", place, what, Object.keys(document.value), HINT));
  }
  readKarpathy(document, images, file, builder);
  return "karpathy";
}

function readKarpathy(
  document: JsonDocument,
  images: readonly unknown[],
  file: CaptionFile,
  builder: DatasetBuilder,
): void {
  images.forEach((value, index) => {
    const place = { file: file.path, line: document.lineOf("images", index) };
    const record = asRecord(value);
    const filename = record?.["filename"];
    const folder = record?.["filepath"] ?? "";
    const sentences = record?.["sentences"];
    if (
      record === undefined ||
      typeof filename !== "string" ||
      typeof folder !== "string" ||
      !Array.isArray(sentences)
    ) {
      const what = `\`filename\` and \`sentences\` in images[${index}]`;
      builder.report(fault("error", "bad-record", place, what, value, HINT));
      return;
    }
    const split = record["split"] === undefined ? (file.nameSplit ?? "train") : builder.splitOf(record["split"], place);
    if (split === undefined) return;
    const image = builder.addImage(filename, folder === "" ? filename : `${folder}/${filename}`, split, place);
    if (image === undefined) return;
    for (const sentence of sentences) builder.addCaption(image, asRecord(sentence)?.["raw"], place);
  });
}

function readCoco(
  document: JsonDocument,
  images: readonly unknown[],
  annotations: readonly unknown[],
  file: CaptionFile,
  builder: DatasetBuilder,
): void {
  const split = file.nameSplit ?? "train";
  images.forEach((value, index) => {
    const place = { file: file.path, line: document.lineOf("images", index) };
    const record = asRecord(value);
    const id = cocoId(record?.["id"]);
    const name = record?.["file_name"];
    if (id === undefined || typeof name !== "string") {
      builder.report(fault("error", "bad-record", place, `\`id\` and \`file_name\` in images[${index}]`, value, HINT));
    } else builder.addImage(id, name, split, place);
  });
  annotations.forEach((value, index) => {
    const place = { file: file.path, line: document.lineOf("annotations", index) };
    const record = asRecord(value);
    const id = cocoId(record?.["image_id"]);
    if (record === undefined || id === undefined) {
      builder.report(
        fault("error", "bad-record", place, `\`image_id\` and \`caption\` in annotations[${index}]`, value, HINT),
      );
      return;
    }
    const image = builder.image(id);
    if (image === undefined || image.place.file !== file.path) {
      const hint = "The caption is left out: add the image to `images` or remove the annotation.";
      const what = `an image of \`images\` as image_id of annotations[${index}]`;
      builder.report(fault("warning", "caption-of-unknown-image", place, what, record["image_id"], hint));
    } else builder.addCaption(image, record["caption"], place);
  });
}

/** COCO's ids are numbers; other tools write text. */
function cocoId(value: unknown): string | undefined {
  return typeof value === "string" || (typeof value === "number" && Number.isSafeInteger(value))
    ? String(value)
    : undefined;
}
