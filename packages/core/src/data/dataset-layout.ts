import { basename, dirname, join } from "node:path";
import { DatasetError, expected } from "../errors.js";
import { CSV_HEADER_BYTES, csvColumns } from "./csv-columns.js";
import type { DatasetFormat, Split } from "./dataset.js";
import { listDirectory, pathKind, readStart } from "./file-access.js";
import { splitOfFileName } from "./split-words.js";

/** The caption files of a dataset, and what they are. */
export interface DatasetLayout {
  /** "json" is Karpathy or COCO: the document says which once it is read. */
  readonly kind: Exclude<DatasetFormat, "karpathy" | "coco"> | "json";
  readonly files: readonly CaptionFile[];
  /** Directories that photos and split lists are looked for in and below, nearest first. */
  readonly bases: readonly string[];
}

export interface CaptionFile {
  readonly path: string;
  /** Said by the file's name; for images without a split of their own. */
  readonly nameSplit: Split | undefined;
}

type Kind = DatasetLayout["kind"];

const CAPTION_FILE = /\.(jsonl|ndjson|json|csv|tsv|txt|token)$/i;
/** Flickr's lemmatised captions, and files of COCO and of tools that are no captions. */
const OTHER_FILE = /lemma|^(instances|person_keypoints|image_info|stuff|panoptic|package|tsconfig|readme|license)/i;
const FLICKR_LINE = /^[^\t]+#\d+\t/;

const FORMATS_HINT =
  "A dataset is a Flickr8k/30k token file, a Karpathy or COCO captions JSON, a JSONL or a CSV file, or a directory with one: see docs/formats/datasets.md.";

/**
 * Finds the caption files of a dataset by their content.
 * @param path a caption file, or a directory that holds one (or one per split) itself or one level down
 * @throws DatasetError when there is none, or several that could be meant.
 */
export async function findLayout(path: string): Promise<DatasetLayout> {
  const kind = await pathKind(path);
  if (kind === undefined) {
    throw new DatasetError(expected("a file or directory", "the dataset", path), {
      hint: "Nothing is there: check the path.",
    });
  }
  if (kind === "directory") return findInDirectory(path);
  const content = await contentKind(path);
  if (content === undefined) {
    const empty = (await readStart(path, 1)).length === 0;
    throw new DatasetError(expected("captions", path, empty ? "an empty file" : "another kind of file"), {
      hint: FORMATS_HINT,
    });
  }
  const directory = dirname(path);
  return { kind: content, files: [captionFile(path)], bases: [directory, dirname(directory)] };
}

function captionFile(path: string): CaptionFile {
  return { path, nameSplit: splitOfFileName(basename(path)) };
}

async function findInDirectory(directory: string): Promise<DatasetLayout> {
  const groups: { kind: Kind; files: CaptionFile[] }[] = [];
  const { directories } = await listDirectory(directory);
  for (const below of ["", ...directories]) {
    const folder = join(directory, below);
    const found: { kind: Kind; file: CaptionFile }[] = [];
    for (const name of (await listDirectory(folder)).files) {
      if (!CAPTION_FILE.test(name) || OTHER_FILE.test(name)) continue;
      const kind = await contentKind(join(folder, name));
      if (kind !== undefined) found.push({ kind, file: captionFile(join(folder, name)) });
    }
    for (const kind of ["flickr", "json", "jsonl", "csv"] as const) {
      const files = found.filter((entry) => entry.kind === kind).map((entry) => entry.file);
      const splits = new Set(files.map((file) => file.nameSplit));
      const onePerSplit = splits.size === files.length && !splits.has(undefined);
      if (onePerSplit) groups.push({ kind, files });
      else groups.push(...files.map((file) => ({ kind, files: [file] })));
    }
  }
  const present = groups.filter((group) => group.files.length > 0);
  const [group] = present;
  if (group === undefined) {
    throw new DatasetError(expected("a file with captions", directory, "none that could be recognised"), {
      hint: FORMATS_HINT,
    });
  }
  if (present.length > 1) {
    const names = present.flatMap(({ files }) => files.map((file) => file.path));
    throw new DatasetError(expected("one set of captions", directory, names.join(", ")), {
      hint: "Give the path of the file that is meant.",
    });
  }
  const first = dirname(group.files[0]!.path);
  return { ...group, bases: first === directory ? [directory] : [directory, first] };
}

/** What a file holds, by its first bytes; its name decides only where they leave it open. */
async function contentKind(path: string): Promise<Kind | undefined> {
  const start = (await readStart(path, CSV_HEADER_BYTES))
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .trimStart();
  const firstLine = start.slice(0, lineEnd(start));
  if (start.startsWith("{")) return jsonKind(start, firstLine, path);
  if (FLICKR_LINE.test(firstLine)) return "flickr";
  return csvColumns(firstLine) === undefined ? undefined : "csv";
}

function lineEnd(text: string): number {
  const end = text.search(/\r?\n/);
  return end === -1 ? text.length : end;
}

function jsonKind(start: string, firstLine: string, path: string): Kind | undefined {
  const namedJsonl = /\.(jsonl|ndjson)$/i.test(path);
  try {
    const keys = Object.keys(JSON.parse(firstLine) as object);
    if (keys.includes("images")) return "json";
    return keys.includes("image") || namedJsonl ? "jsonl" : undefined;
  } catch {
    // The first line is not a whole object: a document on many lines, one long line of which only the start was read, or a damaged JSONL file.
    if (namedJsonl || /^\{\s*"image"\s*:\s*"/.test(firstLine)) return "jsonl";
    return /\.json$/i.test(path) || /"(images|annotations|sentences|dataset|info)"\s*:/.test(start)
      ? "json"
      : undefined;
  }
}
