/** How much of a file is read to tell what it is; a CSV header ends within it. */
export const CSV_HEADER_BYTES = 64 * 1024;

export interface CsvColumns {
  readonly delimiter: "," | ";" | "\t" | "|";
  /** Column names as in the header, for messages. */
  readonly names: readonly string[];
  readonly image: number;
  /** One caption a column; empty cells are no captions when there are several. */
  readonly captions: readonly number[];
  readonly split: number | undefined;
}

const IMAGE = /^(image|img|file|photo)([ _-]?(name|path|file))?$|^filename$|^filepath$/;
const CAPTION = /^(caption|comment|text|description|sentence)s?([ _-]?\d+)?$/;

/** The columns of a header line that has at least an image and a caption column, or undefined: then the line is no header. */
export function csvColumns(header: string): CsvColumns | undefined {
  for (const delimiter of [",", "\t", ";", "|"] as const) {
    const names = header.split(delimiter).map((name) =>
      name
        .trim()
        .replace(/^"(.*)"$/, "$1")
        .trim(),
    );
    const lower = names.map((name) => name.toLowerCase());
    const image = lower.findIndex((name) => IMAGE.test(name));
    const captions = lower.flatMap((name, column) => (CAPTION.test(name) ? [column] : []));
    const split = lower.indexOf("split");
    if (image !== -1 && captions.length > 0) {
      return { delimiter, names, image, captions, split: split === -1 ? undefined : split };
    }
  }
  return undefined;
}
