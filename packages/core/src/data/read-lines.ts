import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { DatasetFaultError, fault, type ReportFault } from "./dataset-fault.js";
import { unreadableFile } from "./file-access.js";
import { MAX_LINE_BYTES } from "./limits.js";

export interface Line {
  /** Without its line end (LF or CRLF); the byte order mark is taken off the first. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Visits the lines of a file that are not blank, in order: memory holds one chunk and one line. Invalid UTF-8 is reported; if that does not throw, the bytes
 * at fault become U+FFFD.
 * @throws DatasetError when the file cannot be read; DatasetFaultError when a line is longer than MAX_LINE_BYTES; what `visit` throws.
 */
export async function readLines(file: string, report: ReportFault, visit: (line: Line) => void): Promise<void> {
  let number = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;

  const take = (end: Buffer) => {
    const bytes = pending.length === 0 ? end : Buffer.concat([...pending, end]);
    pending = [];
    pendingBytes = 0;
    number += 1;
    if (bytes.length > MAX_LINE_BYTES) throw tooLong(file, number);
    const trimmed = bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
    if (!isUtf8(trimmed)) report(invalidUtf8(file, number));
    const decoded = trimmed.toString("utf8");
    const text = number === 1 && decoded.startsWith("\ufeff") ? decoded.slice(1) : decoded;
    if (text.trim() !== "") visit({ text, number });
  };

  const stream = createReadStream(file, { highWaterMark: 256 * 1024 });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
        take(chunk.subarray(from, end));
        from = end + 1;
      }
      if (from < chunk.length) {
        pending.push(chunk.subarray(from));
        pendingBytes += chunk.length - from;
        if (pendingBytes > MAX_LINE_BYTES) throw tooLong(file, number + 1);
      }
    }
    if (pendingBytes > 0) take(Buffer.alloc(0));
  } catch (error) {
    throw unreadableFile(file, error);
  } finally {
    stream.destroy();
  }
}

function tooLong(file: string, line: number): DatasetFaultError {
  const hint = "The file is not a dataset in one of the line formats, or lost its line ends.";
  return new DatasetFaultError(
    fault("error", "limit", { file, line }, `at most ${MAX_LINE_BYTES} bytes`, "a longer line", hint),
  );
}

export function invalidUtf8(file: string, line: number) {
  const hint = "Save the file as UTF-8: `iconv -f latin1 -t utf8` if it is Latin-1.";
  return fault("error", "invalid-utf8", { file, line }, "UTF-8 text", "bytes that are none", hint);
}
