import { createReadStream } from "node:fs";
import { CsvError, parse } from "csv-parse";
import { CSV_HEADER_BYTES, type CsvColumns, csvColumns } from "./csv-columns.js";
import type { DatasetBuilder } from "./dataset-builder.js";
import { DatasetFaultError, fault } from "./dataset-fault.js";
import type { CaptionFile } from "./dataset-layout.js";
import { readStart, unreadableFile } from "./file-access.js";
import { MAX_LINE_BYTES } from "./limits.js";
import { readLines } from "./read-lines.js";

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * CSV with a header: an image column, one or more caption columns, perhaps a split column; rows of the same image add up. Comma, semicolon, tab or bar.
 */
export async function readCsv({ path: file, nameSplit }: CaptionFile, builder: DatasetBuilder): Promise<void> {
  // csv-parse replaces invalid bytes silently, so the encoding is checked in a pass of its own.
  await readLines(file, builder.report, () => {});
  const start = (await readStart(file, CSV_HEADER_BYTES))
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .trimStart();
  const columns = csvColumns(start.split(/\r?\n/, 1)[0]!);
  if (columns === undefined) {
    const hint = "The first line names the columns: image, caption and perhaps split.";
    throw new DatasetFaultError(
      fault("error", "bad-line", { file, line: 1 }, "a header with image and caption", start, hint),
    );
  }

  const parser = createReadStream(file).pipe(
    parse({
      bom: true,
      delimiter: columns.delimiter,
      from: 2,
      info: true,
      max_record_size: MAX_LINE_BYTES,
      // Bar-separated files (Flickr30k's results.csv) do not quote, and their captions contain quotes.
      quote: columns.delimiter === "|" ? null : '"',
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      trim: true,
    }),
  );
  let line = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      addRow(record, columns, { file, line: info.lines }, nameSplit, builder);
      line = info.lines;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw unreadableFile(file, error);
    const at = typeof error["lines"] === "number" ? error["lines"] : line;
    const hint = "A quoted cell that is not closed swallows the lines below it: double the quotes inside cells.";
    throw new DatasetFaultError(
      fault("error", "bad-line", { file, line: at }, "a CSV record", error.message, hint),
      error,
    );
  } finally {
    parser.destroy();
  }
}

function addRow(
  cells: readonly string[],
  columns: CsvColumns,
  place: { readonly file: string; readonly line: number },
  nameSplit: CaptionFile["nameSplit"],
  builder: DatasetBuilder,
): void {
  const lastColumn = Math.max(columns.image, columns.split ?? 0, columns.captions[0]!);
  if (cells.length <= lastColumn || cells.length > columns.names.length) {
    const hint = `The header has ${columns.names.length} columns (${columns.names.join(", ")}); put a cell with the delimiter in it into quotes.`;
    builder.report(fault("error", "bad-line", place, `${columns.names.length} cells`, `${cells.length} cells`, hint));
    return;
  }
  const name = cells[columns.image]!;
  const word = columns.split === undefined ? "" : cells[columns.split]!;
  const split = word === "" ? (nameSplit ?? "train") : builder.splitOf(word, place);
  if (split === undefined) return;
  const known = builder.image(name);
  if (known !== undefined && known.split !== split) {
    const hint = "All rows of an image carry the same split, or the scores measure memory.";
    const actual = `${split} for ${name}, which is in ${known.split} by line ${known.place.line}`;
    builder.report(fault("error", "conflicting-split", place, "one split an image", actual, hint));
    return;
  }
  const image = known ?? builder.addImage(name, name, split, place);
  if (image === undefined) return;
  const captions = columns.captions.flatMap((column) => cells[column] ?? []);
  const written = captions.length > 1 ? captions.filter((caption) => caption !== "") : captions;
  for (const caption of written) builder.addCaption(image, caption, place);
}
