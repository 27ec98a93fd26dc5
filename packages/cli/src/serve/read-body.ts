import type { IncomingMessage } from "node:http";
import { expected } from "@showtell/core/errors";
import { HttpError } from "./http-error.js";

/** What `curl --data-binary` says of any file, and what browsers and programs say of bytes they know nothing of. */
const UNSPECIFIC_TYPES = ["application/octet-stream", "application/x-www-form-urlencoded"];

/**
 * Refuses what the headers alone show to be of no use, before anything of the body is read.
 * @throws HttpError 413 or 415
 */
export function checkHeaders({ headers }: IncomingMessage, maxBytes: number): void {
  const type = headers["content-type"]?.replace(/;.*/s, "").trim().toLowerCase();
  if (type !== undefined && !type.startsWith("image/") && !UNSPECIFIC_TYPES.includes(type)) {
    throw new HttpError(415, expected("an image", "the request's body", type), {
      hint: "Send the photo's file itself: curl --data-binary @photo.jpg -H 'content-type: image/jpeg'",
    });
  }
  const length = Number(headers["content-length"] ?? 0);
  if (length > maxBytes) throw tooLong(maxBytes, length);
}

/**
 * The whole body.
 * @throws HttpError 413 as soon as it is longer than `maxBytes`, 400 when it is empty or broken off
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      length += chunk.byteLength;
      if (length > maxBytes) throw tooLong(maxBytes, length);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, expected("a whole photo", "the request's body", "a part of one"));
  }
  if (length === 0) {
    throw new HttpError(400, expected("an image", "the request's body", "an empty one"), {
      hint: "curl --data-binary @photo.jpg sends a file; -d @photo.jpg would change it.",
    });
  }
  return Buffer.concat(chunks, length);
}

function tooLong(maxBytes: number, length: number): HttpError {
  return new HttpError(413, expected(`at most ${maxBytes} bytes`, "the request's body", length), {
    hint: "Send the photo smaller, or start the server with a larger --max-bytes.",
  });
}
