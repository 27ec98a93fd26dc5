import type { CaptionedImage, UncaptionedImage } from "@showtell/core/captioning";
import { stringify } from "csv-stringify/sync";

/** What is printed about one image. */
export interface CaptionRow {
  readonly image: string;
  readonly captions?: readonly {
    readonly text: string;
    readonly confidence: number;
    readonly score: number;
    readonly normalizedScore: number;
    /** How far the next caption lies behind. */
    readonly margin?: number;
  }[];
  /** Why there is no caption. */
  readonly error?: string;
}

/** @param image what it is called in the output */
export function captionRow(
  image: string,
  { captions, error }: Pick<CaptionedImage | UncaptionedImage, "captions" | "error">,
): CaptionRow {
  if (error) return { image, error: error.message };
  return {
    image,
    captions: (captions ?? []).map(({ text, confidence, score, normalizedScore, margin }) => ({
      text,
      confidence,
      score,
      normalizedScore,
      ...(margin !== undefined && { margin }),
    })),
  };
}

export const CAPTION_FORMATS = ["text", "json", "jsonl", "csv", "html"] as const;
export type CaptionFormat = (typeof CAPTION_FORMATS)[number];

/** Formats whose rows stand alone, so that a run can be taken up where it stopped. */
export const RESUMABLE_FORMATS: readonly CaptionFormat[] = ["jsonl", "csv"];

/** Turns rows into text, one at a time: `begin`, rows, `end`. */
export interface CaptionWriter {
  begin(): string;
  row(row: CaptionRow): string;
  end(): string;
}

export interface CaptionWriterOptions {
  readonly confidence: boolean;
  /** Text only: name the image before its caption. */
  readonly showImage: boolean;
}

export const CSV_COLUMNS = ["image", "rank", "caption", "confidence", "score", "normalized_score", "error"];

/** Writers of the formats that need nothing but the rows; the HTML page is made in caption-page.ts. */
export function captionWriter(format: Exclude<CaptionFormat, "html">, options: CaptionWriterOptions): CaptionWriter {
  switch (format) {
    case "text":
      return { begin: () => "", row: (row) => textRow(row, options), end: () => "" };
    case "jsonl":
      return { begin: () => "", row: (row) => `${JSON.stringify(row)}\n`, end: () => "" };
    case "json":
      return jsonWriter();
    case "csv":
      return { begin: () => stringify([CSV_COLUMNS]), row: (row) => stringify(csvRows(row)), end: () => "" };
  }
}

function textRow(row: CaptionRow, { confidence, showImage }: CaptionWriterOptions): string {
  // A failed image has been reported on stderr; in text, stdout holds captions only.
  return (row.captions ?? [])
    .map((caption) => {
      const certainty = confidence ? `\t${caption.confidence.toFixed(3)}` : "";
      return `${showImage ? `${onOneLine(row.image)}\t` : ""}${caption.text}${certainty}\n`;
    })
    .join("");
}

/** Tabs and line breaks divide the text: in a file's name they are written as `\t`, `\n` and `\r`. */
function onOneLine(name: string): string {
  return name.replace(/[\t\n\r]/g, (character) => JSON.stringify(character).slice(1, -1));
}

function jsonWriter(): CaptionWriter {
  let first = true;
  return {
    begin: () => "[",
    row: (row) => {
      const separator = first ? "\n" : ",\n";
      first = false;
      return `${separator}  ${JSON.stringify(row)}`;
    },
    end: () => (first ? "]\n" : "\n]\n"),
  };
}

function csvRows(row: CaptionRow): (string | number)[][] {
  if (!row.captions) return [[row.image, "", "", "", "", "", row.error ?? ""]];
  return row.captions.map((caption, index) => [
    row.image,
    index + 1,
    caption.text,
    caption.confidence,
    caption.score,
    caption.normalizedScore,
    "",
  ]);
}
