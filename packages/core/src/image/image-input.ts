import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { AbortedError, expected, ImageError } from "../errors.js";

/** Decoded pixels, row-major, 8 bits a channel: grey, RGB or RGBA. */
export interface RawImage {
  /** `[height, width, channels]` */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
}

/** A path, an http(s) or file URL, the bytes of an image file, a stream of them, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | Readable | ReadableStream<Uint8Array> | RawImage;

/** Longest image file that is read, from wherever it comes. */
export const MAX_IMAGE_BYTES = 128 * 1024 * 1024;
/** A download that has not ended by then is given up. */
export const DOWNLOAD_TIMEOUT_MS = 30_000;

export interface ReadImageOptions {
  readonly signal?: AbortSignal;
}

/**
 * The bytes of an image file, undecoded; raw pixels pass through.
 * @param name how error messages call the image
 * @throws ImageError when it cannot be read, is empty or longer than MAX_IMAGE_BYTES; AbortedError.
 */
export async function readImageBytes(
  input: ImageInput,
  name = imageName(input),
  options: ReadImageOptions = {},
): Promise<Uint8Array | RawImage> {
  if (isRawImage(input)) return input;
  const bytes = await readSource(input, name, options.signal);
  if (bytes.byteLength === 0) {
    throw new ImageError(expected("an image file", name, "an empty one"), { hint: "Copy or download the file again." });
  }
  return bytes;
}

/** How messages call an input that was given no name. */
export function imageName(input: ImageInput): string {
  if (typeof input === "string") return input;
  return input instanceof URL ? input.href : "the image";
}

export function isRawImage(input: unknown): input is RawImage {
  return typeof input === "object" && input !== null && "data" in input && "channels" in input && "width" in input;
}

async function readSource(
  input: Exclude<ImageInput, RawImage>,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (input instanceof Uint8Array) {
    checkLength(input.byteLength, name);
    return input;
  }
  if (typeof input === "string") {
    return /^https?:\/\//i.test(input) ? download(input, name, signal) : readImageFile(input, name);
  }
  if (input instanceof URL) {
    if (input.protocol === "file:") return readImageFile(fileURLToPath(input), name);
    if (input.protocol === "http:" || input.protocol === "https:") return download(input.href, name, signal);
    throw new ImageError(expected("an http, https or file URL", name, input.protocol), {
      hint: "Download the image first and give its path.",
    });
  }
  if (input instanceof Readable || input instanceof ReadableStream) return collect(input, name, signal);
  throw new ImageError(expected("a path, URL, bytes, stream or raw pixels", name, input));
}

async function readImageFile(path: string, name: string): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      checkLength(size, name);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(expected("a readable image file", name, fileFault(error)), {
      hint: "Check the path and its permissions.",
      cause: error,
    });
  }
}

function fileFault(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const faults: Record<string, string> = {
    ENOENT: "no such file",
    EISDIR: "a directory",
    EACCES: "permission denied",
    ENOTDIR: "a path through a file",
    ENAMETOOLONG: "a name that is too long",
  };
  return faults[code] ?? (error instanceof Error ? error.message : String(error));
}

async function download(url: string, name: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const timeout = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
  const stop = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  try {
    const response = await fetch(url, { signal: stop, headers: { accept: "image/*" } });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new ImageError(expected("an image", name, `HTTP status ${response.status} ${response.statusText}`.trim()), {
        hint: "Open the address in a browser to see what it serves.",
      });
    }
    const announced = Number(response.headers.get("content-length") ?? 0);
    if (announced > MAX_IMAGE_BYTES) await response.body.cancel();
    checkLength(announced, name);
    return await collect(response.body, name, signal);
  } catch (error) {
    if (error instanceof ImageError || error instanceof AbortedError) throw error;
    if (signal?.aborted) throw new AbortedError("Stopped while downloading an image.", { cause: error });
    if (timeout.aborted) {
      throw new ImageError(
        expected(`an image within ${DOWNLOAD_TIMEOUT_MS / 1000} s`, name, "no end of the download"),
        {
          hint: "Download the image first and give its path.",
        },
      );
    }
    throw new ImageError(expected("an image", name, networkFault(error)), {
      hint: "Check the address and the network.",
      cause: error,
    });
  }
}

function networkFault(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

async function collect(
  stream: Readable | ReadableStream<Uint8Array>,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<unknown>) {
    if (signal?.aborted) throw new AbortedError("Stopped while reading an image.");
    if (!(chunk instanceof Uint8Array)) {
      throw new ImageError(expected("a stream of bytes", name, chunk), {
        hint: "Do not set an encoding on the stream.",
      });
    }
    length += chunk.byteLength;
    checkLength(length, name);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
}

function checkLength(length: number, name: string): void {
  if (length <= MAX_IMAGE_BYTES) return;
  throw new ImageError(expected(`an image file of at most ${MAX_IMAGE_BYTES} bytes`, name, length), {
    hint: "Save the photo smaller or as JPEG.",
  });
}
