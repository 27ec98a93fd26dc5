import { createHash } from "node:crypto";
import { AbortedError, ImageError } from "../errors.js";
import { imageFormat } from "../image/image-format.js";
import { readImageBytes } from "../image/image-input.js";
import { preprocessImage } from "../image/preprocess-image.js";
import type { DraftImage } from "./dataset-builder.js";
import { fault, placeName, type ReportFault } from "./dataset-fault.js";
import { pathKind } from "./file-access.js";
import type { DraftDataset } from "./read-dataset.js";

export interface PhotoCheck {
  /** Decodes every photo as encoding will, which finds truncated ones; otherwise only the first bytes are looked at. */
  readonly decodeImages: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Photos in memory at once. */
const BATCH_SIZE = 8;
const DECODED_SIZE = 64;

/** Reads every photo of a dataset: reports those that are missing or unreadable, and equal ones; across splits those are leaks. */
export async function checkPhotos(draft: DraftDataset, check: PhotoCheck, report: ReportFault): Promise<void> {
  const firstWith = new Map<string, DraftImage>();
  for (let from = 0; from < draft.images.length; from += BATCH_SIZE) {
    if (check.signal?.aborted) throw new AbortedError("Stopped while checking the photos of the dataset.");
    const batch = draft.images.slice(from, from + BATCH_SIZE);
    const hashes = await Promise.all(batch.map((image) => checkPhoto(image, draft.pathOf(image), check, report)));
    batch.forEach((image, index) => {
      const hash = hashes[index];
      const twin = hash === undefined ? undefined : firstWith.get(hash);
      if (twin !== undefined) report(equalPhotos(image, twin));
      else if (hash !== undefined) firstWith.set(hash, image);
    });
    check.onProgress?.(from + batch.length, draft.images.length);
  }
}

/** The sha256 of the photo's bytes; undefined if it is missing or unreadable. */
async function checkPhoto(
  image: DraftImage,
  path: string,
  { decodeImages }: PhotoCheck,
  report: ReportFault,
): Promise<string | undefined> {
  if ((await pathKind(path)) === undefined) {
    const hint = "Copy the photo there, remove its captions, or name the photos' directory with `--images`.";
    report(fault("error", "missing-image", image.place, `the photo of ${image.id}`, `no file at ${path}`, hint));
    return undefined;
  }
  try {
    const bytes = await readImageBytes(path);
    if (!(bytes instanceof Uint8Array)) return undefined;
    imageFormat(bytes, path);
    if (decodeImages) await preprocessImage(bytes, path, DECODED_SIZE, { fit: "squash", filter: "linear" });
    return createHash("sha256").update(bytes).digest("hex");
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const hint = error.hint ?? "Copy the photo again.";
    report({ severity: "error", code: "unreadable-image", ...image.place, message: error.message, hint });
    return undefined;
  }
}

function equalPhotos(image: DraftImage, twin: DraftImage) {
  const what = `another photo than ${twin.id} (${twin.split}) of ${placeName(twin.place)}`;
  const actual = `${image.id} (${image.split}) with the same bytes`;
  if (image.split === twin.split) {
    const hint = "Put the captions of both together.";
    return fault("warning", "duplicate-image", image.place, what, actual, hint);
  }
  const hint = "A model is scored on a photo it was trained on: remove it from one of the splits.";
  return fault("error", "leaked-image", image.place, what, actual, hint);
}
