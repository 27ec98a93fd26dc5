import { stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { ImageInput } from "@showtell/core/captioning";
import { expected, ImageError } from "@showtell/core/errors";
import { glob, isDynamicPattern } from "tinyglobby";

/** One image the user named: what to call it in the output, and where it is. */
export interface NamedImage {
  /** As the user would write it: a path relative to where they are, a URL, or `-`. */
  readonly id: string;
  readonly image: ImageInput;
}

const IMAGE_EXTENSIONS = ["jpg", "jpeg", "png", "webp", "gif", "avif", "tif", "tiff"];
const FOLDER_PATTERN = `**/*.{${IMAGE_EXTENSIONS.join(",")}}`;

/**
 * Turns arguments into images, in order and without duplicates: files as they are, folders and globs sorted by name, `http(s)` URLs, and `-` for the
 * bytes on standard input.
 * @throws ImageError for a path that is not there, a folder or a glob without images.
 */
export async function expandImageInputs(inputs: readonly string[]): Promise<NamedImage[]> {
  const images = new Map<string, NamedImage>();
  const add = (id: string, image: NamedImage["image"] = id) => {
    if (!images.has(id)) images.set(id, { id, image });
  };
  for (const input of inputs) {
    if (input === "-") add(input, process.stdin);
    else if (/^https?:\/\//.test(input)) add(input);
    else for (const path of await expandPath(input)) add(path);
  }
  return [...images.values()];
}

async function expandPath(input: string): Promise<string[]> {
  const info = await stat(input).catch(() => undefined);
  if (info?.isDirectory()) {
    const found = await findFiles(FOLDER_PATTERN, input);
    if (found.length === 0) {
      throw new ImageError(expected("a folder with images", "input", input), {
        hint: `Files ending in ${IMAGE_EXTENSIONS.join(", ")} are looked for, in subfolders too.`,
      });
    }
    return found;
  }
  if (info) return [input];
  if (isDynamicPattern(input)) {
    const found = await findFiles(input, ".");
    if (found.length > 0) return found;
    throw new ImageError(expected("a pattern that matches images", "input", input));
  }
  throw new ImageError(expected("an existing image, folder, pattern or URL", "input", input), {
    hint: "Check the path; `-` reads one image from standard input.",
  });
}

async function findFiles(pattern: string, folder: string): Promise<string[]> {
  const found = await glob(pattern, { cwd: resolve(folder), caseSensitiveMatch: false, expandDirectories: false });
  // Sorted by code unit: the same order on every machine.
  return found.sort().map((path) => (folder === "." ? relative(".", resolve(path)) : join(folder, path)));
}
