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
 * The lines of a file that are not blank, as a stream: memory holds one chunk and one line. Invalid UTF-8 is reported; if that does not throw, the bytes at fault become U+FFFD.
 * @throws DatasetFaultError when the file cannot be read or a line is longer than MAX_LINE_BYTES.
 */
export async function* readLines(file: string, report: ReportFault): AsyncGenerator<Line> {
  let number = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;

  const tooLong = () => {
    const place = { file, line: number + 1 };
    const hint = "The file is not a dataset in one of the line formats, or lost its line ends.";
    return new DatasetFaultError(
      fault("error", "limit", place, `at most ${MAX_LINE_BYTES} bytes`, "a longer line", hint),
    );
  };
  const take = (end: Buffer): Line | undefined => {
    const bytes = pending.length === 0 ? end : Buffer.concat([...pending, end]);
    pending = [];
    pendingBytes = 0;
    number += 1;
    if (bytes.length > MAX_LINE_BYTES) {
      number -= 1;
      throw tooLong();
    }
    const trimmed = bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
    if (!isUtf8(trimmed)) report(invalidUtf8(file, number));
    const text = trimmed.toString("utf8");
    const withoutMark = number === 1 && text.startsWith("\ufeff") ? text.slice(1) : text;
    return withoutMark.trim() === "" ? undefined : { text: withoutMark, number };
  };

  const stream = createReadStream(file, { highWaterMark: 256 * 1024 });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
        const line = take(chunk.subarray(from, end));
        from = end + 1;
        if (line !== undefined) yield line;
      }
      if (from < chunk.length) {
        pending.push(chunk.subarray(from));
        pendingBytes += chunk.length - from;
        if (pendingBytes > MAX_LINE_BYTES) throw tooLong();
      }
    }
  } catch (error) {
    throw unreadableFile(file, error);
  } finally {
    stream.destroy();
  }
  if (pendingBytes > 0) {
    const line = take(Buffer.alloc(0));
    if (line !== undefined) yield line;
  }
}

export function invalidUtf8(file: string, line: number) {
  const hint = "Save the file as UTF-8: `iconv -f latin1 -t utf8` if it is Latin-1.";
  return fault("error", "invalid-utf8", { file, line }, "UTF-8 text", "bytes that are none", hint);
}
