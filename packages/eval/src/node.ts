/** The part of this package that reads files. Everything else runs in a browser too. */
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { EvaluationError, expected } from "./errors.js";
import { ParaphraseTable } from "./metrics/meteor/paraphrase-table.js";
import type { PhraseSet } from "./metrics/meteor/phrase-set.js";
import { SynonymTable } from "./metrics/meteor/synonym-table.js";
import type { CaptionList } from "./read/caption-list.js";
import { parseCaptions } from "./read/parse-captions.js";

const SYNONYMS = new URL("../data/wordnet-synonyms.txt", import.meta.url);
const GZIP_MAGIC = [0x1f, 0x8b] as const;
const CHUNK_BYTES = 1 << 20;

/** WordNet's synonyms as they come with this package. */
export async function loadSynonyms(): Promise<SynonymTable> {
  return SynonymTable.parse(await readFile(SYNONYMS, "latin1"));
}

/**
 * Reads METEOR's paraphrase table, packed (paraphrase-en.gz) or not, keeping what `phrases` can use. About 1.2 s for the English table.
 * @throws EvaluationError if the file is missing, damaged or something else
 */
export async function loadParaphrases(path: string, phrases: PhraseSet): Promise<ParaphraseTable> {
  const packed = await startsWithGzipMagic(path);
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const stream = packed ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  file.on("error", (error) => stream.destroy(error));
  try {
    return await ParaphraseTable.read(stream, phrases);
  } catch (cause) {
    if (cause instanceof EvaluationError) throw cause;
    throw new EvaluationError(expected("a readable paraphrase table", path, (cause as Error).message), {
      cause,
      hint: "Use paraphrase-en.gz of the Python package pycocoevalcap as it comes.",
    });
  }
}

/**
 * Reads captions from a file: COCO annotations or results, JSON, JSONL, CSV, Flickr8k tokens or plain lines.
 * @throws EvaluationError if it cannot be read, is not UTF-8, or an entry is at fault
 */
export async function readCaptions(path: string): Promise<CaptionList> {
  const bytes = await readBytes(path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new EvaluationError(expected("UTF-8 text", path, `an invalid byte in line ${invalidLine(bytes)}`), {
      cause,
      hint: "Convert it: iconv -f latin1 -t utf-8",
    });
  }
  return parseCaptions(text, path);
}

async function startsWithGzipMagic(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === GZIP_MAGIC[0] && buffer[1] === GZIP_MAGIC[1];
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): EvaluationError {
  const code = (cause as NodeJS.ErrnoException).code;
  return new EvaluationError(
    expected("a readable file", path, code === "ENOENT" ? "no such file" : (cause as Error).message),
    { cause },
  );
}

/** Line number of the first byte that is not UTF-8. */
function invalidLine(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let end = 0; end <= bytes.length; end++) {
    if (end < bytes.length && bytes[end] !== 0x0a) continue;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
    line++;
  }
  return line;
}
