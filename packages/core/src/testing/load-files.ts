import { join } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { loadDataset } from "../data/load-dataset.js";
import { DatasetError } from "../errors.js";
import { withFiles } from "./temporary-files.js";

export type Files = Record<string, string | Uint8Array>;

/** Loads the dataset at a path below a directory with these files; paths come back relative to that directory. */
export function load(files: Files, path = "", images?: string) {
  return withFiles(files, async (directory) => {
    const dataset = await loadDataset(
      join(directory, path),
      images === undefined ? {} : { images: join(directory, images) },
    );
    return {
      ...dataset,
      images: dataset.images.map((image) => ({ ...image, path: image.path.slice(directory.length + 1) })),
    };
  });
}

/** The message and hint that loading ends with; the directory is called DIR. */
export function failure(files: Files, path = ""): Promise<{ message: string; hint: string | undefined }> {
  return withFiles(files, async (directory) => {
    try {
      await loadDataset(join(directory, path));
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      return { message: error.message.replaceAll(directory, "DIR"), hint: error.hint };
    }
    throw new Error("The dataset loaded.");
  });
}

/** One line for each image. */
export const summary = (dataset: Pick<Dataset, "images">) =>
  dataset.images.map(({ id, path, split, captions }) => `${split} ${id} @ ${path}: ${captions.join(" | ")}`);
