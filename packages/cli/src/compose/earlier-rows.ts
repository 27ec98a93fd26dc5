import { expected, OptionError } from "@showtell/core/captioning";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { type CaptionFormat, CSV_COLUMNS } from "../render/caption-writers.js";

/** What an earlier run left of its photos. */
export interface EarlierRows {
  /** Those it captioned. */
  readonly captioned: ReadonlySet<string>;
  /** How many it could not caption. */
  readonly failed: number;
  /** Its text without the rows of the failed ones, which are tried again. */
  readonly text: string;
}

/**
 * Reads the output of an earlier run, whole or stopped. A last line that a kill cut short is left out.
 * @throws OptionError when the text is not what this format writes
 */
export function earlierRows(text: string, format: CaptionFormat, path: string): EarlierRows {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  try {
    return format === "csv" ? csvRows(whole) : jsonlRows(whole);
  } catch (cause) {
    throw new OptionError(expected(`${format} captions of an earlier run`, "--output", path), {
      hint: "Name the file and the format of the run that was stopped, or leave --resume out.",
      cause,
    });
  }
}

function jsonlRows(text: string): EarlierRows {
  const lines = text.split("\n").filter(Boolean);
  const rows = lines.map((line) => {
    const { image, error } = JSON.parse(line) as { image?: unknown; error?: unknown };
    if (typeof image !== "string") throw new TypeError("no image");
    return { image, line, hasFailed: error !== undefined };
  });
  const captioned = rows.filter(({ hasFailed }) => !hasFailed);
  return {
    captioned: new Set(captioned.map(({ image }) => image)),
    failed: rows.length - captioned.length,
    text: captioned.map(({ line }) => `${line}\n`).join(""),
  };
}

function csvRows(text: string): EarlierRows {
  if (text === "") return { captioned: new Set(), failed: 0, text };
  const [head, ...rows] = parse(text) as string[][];
  if (head?.join() !== CSV_COLUMNS.join()) throw new TypeError("other columns");
  const errorColumn = CSV_COLUMNS.indexOf("error");
  const captioned = rows.filter((row) => row[errorColumn] === "");
  return {
    captioned: new Set(captioned.map(([image]) => image!)),
    failed: rows.length - captioned.length,
    text: stringify([CSV_COLUMNS, ...captioned]),
  };
}
