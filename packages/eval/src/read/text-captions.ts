/** Captions in text: CSV with a header, Flickr8k's token file (`photo.jpg#0<TAB>caption`), plain lines. */
import { parse } from "csv-parse/sync";
import { EvaluationError, expected } from "../errors.js";
import { CaptionCollector, type CaptionList } from "./caption-list.js";

const ID_COLUMNS = ["image_id", "image", "id", "file_name", "filename", "image_name"];
const CAPTION_COLUMNS = ["caption", "captions", "comment", "hypothesis", "candidate", "text", "raw"];
const FLICKR_LINE = /^([^\t]+)#\d+\t(.*)$/;

/** Whether the first line is a CSV header that names an image and a caption column. */
export function looksLikeCsv(text: string): boolean {
  const header = firstLine(text)
    .toLowerCase()
    .split(/[,;|\t]/)
    .map((cell) => cell.trim().replace(/^"|"$/g, ""));
  return header.some((cell) => ID_COLUMNS.includes(cell)) && header.some((cell) => CAPTION_COLUMNS.includes(cell));
}

export function looksLikeFlickrTokens(text: string): boolean {
  return FLICKR_LINE.test(firstLine(text));
}

export function captionsOfCsv(text: string, source: string): CaptionList {
  const delimiter = [",", ";", "|", "\t"].find((sign) => firstLine(text).includes(sign)) ?? ",";
  const collector = new CaptionCollector(source);
  const rows = parseRows(text, delimiter, source);
  const header = rows[0]!.map((cell) => cell.trim().toLowerCase());
  const idColumn = header.findIndex((cell) => ID_COLUMNS.includes(cell));
  const captionColumn = header.findIndex((cell) => CAPTION_COLUMNS.includes(cell));
  for (const [i, row] of rows.slice(1).entries()) collector.add(row[idColumn], row[captionColumn], `row ${i + 2}`);
  return collector.finish();
}

export function captionsOfFlickrTokens(text: string, source: string): CaptionList {
  const collector = new CaptionCollector(source);
  lines(text).forEach((line, i) => {
    const match = FLICKR_LINE.exec(line);
    if (match === null)
      throw new EvaluationError(expected("photo.jpg#number, a tab and a caption", `line ${i + 1} of ${source}`, line));
    collector.add(match[1], match[2], `line ${i + 1}`);
  });
  return collector.finish();
}

/** One caption a line; ids are line numbers, so that files of equal length go together. */
export function captionsOfLines(text: string, source: string): CaptionList {
  const collector = new CaptionCollector(source);
  for (const [i, line] of lines(text).entries()) collector.add(i + 1, line, `line ${i + 1}`);
  return collector.finish(true);
}

function parseRows(text: string, delimiter: string, source: string): string[][] {
  try {
    return parse(text, { bom: true, delimiter, skip_empty_lines: true });
  } catch (cause) {
    throw new EvaluationError(expected("valid CSV", source, (cause as Error).message), { cause });
  }
}

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return (end === -1 ? text : text.slice(0, end)).trimEnd();
}

function lines(text: string): string[] {
  const all = text.split(/\r?\n/);
  while (all.length > 0 && all.at(-1)!.trim() === "") all.pop();
  return all;
}
