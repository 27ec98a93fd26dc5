import { stat } from "node:fs/promises";
import { isAbsolute, normalize } from "node:path";
import type { ImageInput } from "@showtell/core/captioning";
import { expected, ImageError, OptionError } from "@showtell/core/errors";
import { glob, isDynamicPattern } from "tinyglobby";
import { partialPath } from "../render/result-output.js";
import { findPhotos, IMAGE_EXTENSIONS } from "./find-photos.js";

/** One image the user named: what to call it in the output, and where it is. */
export interface NamedImage {
  /** As the user would write it: a path relative to where they are, a URL, or `-`. */
  readonly id: string;
  readonly image: ImageInput;
}

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
    else if (/^https?:\/\//i.test(input)) add(input);
    else for (const path of await expandPath(input)) add(path);
  }
  return [...images.values()];
}

async function expandPath(input: string): Promise<string[]> {
  const info = await stat(input).catch(() => undefined);
  if (info?.isDirectory()) {
    const found = await findPhotos(input);
    if (found.length === 0) {
      throw new ImageError(expected("a folder with images", "input", input), {
        hint: `Files ending in ${IMAGE_EXTENSIONS.join(", ")} are looked for, in subfolders too.`,
      });
    }
    return found;
  }
  if (info) return [input];
  if (isDynamicPattern(input)) {
    const found = await matchPattern(input);
    if (found.length > 0) return found;
    throw new ImageError(expected("a pattern that matches images", "input", input));
  }
  throw new ImageError(expected("an existing image, folder, pattern or URL", "input", input), {
    hint: "Check the path; `-` reads one image from standard input.",
  });
}

async function matchPattern(pattern: string): Promise<string[]> {
  const found = await glob(pattern, {
    absolute: isAbsolute(pattern),
    caseSensitiveMatch: false,
    expandDirectories: false,
  });
  // Sorted by code unit: the same order on every machine.
  return found.sort().map(normalize);
}

/** @throws OptionError where writing the results would destroy one of the photos */
export async function refuseInputAsOutput(output: string, images: readonly NamedImage[]): Promise<void> {
  for (const path of [output, partialPath(output)]) {
    const target = await stat(path, { bigint: true }).catch(() => undefined);
    if (!target?.isFile()) continue;
    for (const { id, image } of images) {
      if (typeof image !== "string") continue;
      const photo = await stat(image, { bigint: true }).catch(() => undefined);
      if (photo?.ino === target.ino && photo.dev === target.dev)
        throw new OptionError(expected("another file than the photos", "--output", `${output}, which is ${id}`));
    }
  }
}
