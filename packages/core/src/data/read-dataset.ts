import { createHash } from "node:crypto";
import { basename, resolve } from "node:path";
import { DatasetError, expected } from "../errors.js";
import type { Dataset, DatasetFormat, DatasetImage, Split } from "./dataset.js";
import { DatasetBuilder, type DraftImage } from "./dataset-builder.js";
import type { ReportFault } from "./dataset-fault.js";
import { type DatasetLayout, findLayout } from "./dataset-layout.js";
import { findImageDirectory, IMAGE_SAMPLE_SIZE } from "./image-directory.js";
import { readCsv } from "./read-csv.js";
import { readFlickr } from "./read-flickr.js";
import { readJson } from "./read-json.js";
import { readJsonl } from "./read-jsonl.js";

export interface DatasetOptions {
  /** The directory of the photos, where it is not found by itself. */
  readonly images?: string | undefined;
}

/** A dataset with the places of everything in its files. */
export interface DraftDataset {
  readonly name: string;
  readonly format: DatasetFormat;
  readonly files: readonly string[];
  /** In file order. */
  readonly images: readonly DraftImage[];
  /** Images with captions that no split list names: no part of the dataset. */
  readonly leftOut: readonly DraftImage[];
  /** Absolute path of an image's file. */
  pathOf(image: DraftImage): string;
}

/** Reads caption files and finds the photos; every fault goes to `report`, which may throw. */
export async function readDataset(path: string, options: DatasetOptions, report: ReportFault): Promise<DraftDataset> {
  const layout = await findLayout(path);
  const builder = new DatasetBuilder(report);
  const format = await readFiles(layout, builder);
  const drafts = [...builder.drafts];
  const directoryOf = await findImageDirectories(layout, drafts, options.images);
  return {
    name: basename(resolve(path)).replace(/\.(jsonl|ndjson|json|csv|tsv|txt|token)$/i, ""),
    format,
    files: layout.files.map((file) => file.path),
    images: drafts.filter((image) => image.split !== undefined),
    leftOut: drafts.filter((image) => image.split === undefined),
    pathOf: (image) => resolve(directoryOf(image), image.name),
  };
}

async function readFiles(layout: DatasetLayout, builder: DatasetBuilder): Promise<DatasetFormat> {
  if (layout.kind === "flickr") {
    await readFlickr(layout, builder);
    return "flickr";
  }
  const formats = new Set<DatasetFormat>();
  for (const file of layout.files) {
    if (layout.kind === "csv") await readCsv(file, builder);
    else if (layout.kind === "jsonl") await readJsonl(file, builder);
    formats.add(layout.kind === "json" ? await readJson(file, builder) : layout.kind);
  }
  if (formats.size > 1) {
    throw new DatasetError(
      expected("files of one format", layout.bases[0]!, layout.files.map((file) => file.path).join(", ")),
      {
        hint: "Give the path of the file that is meant.",
      },
    );
  }
  return [...formats][0]!;
}

/** Each file's photos may lie in a directory of their own (COCO: train2017 and val2017); Flickr's lie together. */
async function findImageDirectories(layout: DatasetLayout, drafts: readonly DraftImage[], images: string | undefined) {
  const fileOf = (image: DraftImage) => (layout.kind === "flickr" ? layout.files[0]!.path : image.place.file);
  const namesOf = new Map<string, string[]>();
  for (const image of drafts) {
    const names = namesOf.get(fileOf(image)) ?? [];
    if (names.length === 0) namesOf.set(fileOf(image), names);
    if (names.length < IMAGE_SAMPLE_SIZE) names.push(image.name);
  }
  const directories = new Map<string, string>();
  for (const [file, names] of namesOf) {
    // Paths in JSONL and CSV files are relative to the file unless photos are found elsewhere.
    const fallback = layout.kind === "jsonl" || layout.kind === "csv" ? resolve(file, "..") : undefined;
    const directory = (await findImageDirectory({ images, bases: layout.bases, names })) ?? fallback;
    if (directory === undefined) {
      throw new DatasetError(
        expected("a directory of photos", layout.bases[0]!, "none that holds an image of the dataset"),
        { hint: "Name it with `--images <directory>`." },
      );
    }
    directories.set(file, directory);
  }
  return (image: DraftImage): string => directories.get(fileOf(image))!;
}

/** The dataset as everybody but the diagnosis sees it. */
export function finishDataset(draft: DraftDataset): Dataset {
  const images = draft.images.map(
    (image): DatasetImage => ({
      id: image.id,
      path: draft.pathOf(image),
      captions: image.captions.map((caption) => caption.text),
      split: image.split as Split,
    }),
  );
  return { name: draft.name, format: draft.format, images, sha256: datasetSha256(images) };
}

/** sha256 over one line of JSON for each image, [id, split, captions]: where the files lie does not matter, what they say does. */
function datasetSha256(images: readonly DatasetImage[]): string {
  const hash = createHash("sha256");
  for (const { id, split, captions } of images) hash.update(`${JSON.stringify([id, split, captions])}\n`);
  return hash.digest("hex");
}
