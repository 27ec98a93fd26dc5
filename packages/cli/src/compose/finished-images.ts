import { copyFile, readFile, truncate } from "node:fs/promises";
import { expected, OptionError } from "@showtell/core/captioning";
import { parse } from "csv-parse/sync";
import type { CaptionFormat } from "../render/caption-writers.js";
import { partialPath } from "../render/result-output.js";

/**
 * The images an earlier run dealt with, from its partial output (or from its finished one, which becomes the partial one again). A last line that a kill
 * cut short is taken off.
 * @throws OptionError when the file is not what this format writes
 */
export async function finishedImages(path: string, format: CaptionFormat): Promise<Set<string>> {
  const partial = partialPath(path);
  let bytes = await readFile(partial).catch(() => undefined);
  if (bytes === undefined) {
    bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) return new Set();
    await copyFile(path, partial);
  }
  const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
  if (whole.length < bytes.length) await truncate(partial, whole.length);
  try {
    return new Set(format === "csv" ? imagesOfCsv(whole) : imagesOfJsonl(whole));
  } catch (cause) {
    throw new OptionError(expected(`${format} captions of an earlier run`, "--output", path), {
      hint: "Name the file and the format of the run that was stopped, or leave --resume out.",
      cause,
    });
  }
}

function imagesOfJsonl(bytes: Buffer): string[] {
  const lines = bytes.toString("utf8").split("\n").filter(Boolean);
  return lines.map((line) => {
    const { image } = JSON.parse(line) as { image?: unknown };
    if (typeof image !== "string") throw new TypeError("no image");
    return image;
  });
}

function imagesOfCsv(bytes: Buffer): string[] {
  const rows = parse(bytes, { columns: true }) as { image?: string }[];
  return rows.map(({ image }) => {
    if (image === undefined) throw new TypeError("no image column");
    return image;
  });
}
