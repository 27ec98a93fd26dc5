import { maxHeaderSize, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { expected } from "@showtell/core/errors";
import { HttpError, refusal } from "./http-error.js";

/** How long a refused request is still taken in, so that its sender gets to read why. */
export const LINGER_MS = 1000;

/** Answers what Node could not read as a request, so that there is no response to write to, in the form of every refusal. */
export function refuseMalformed(cause: NodeJS.ErrnoException, socket: Duplex): void {
  // An answer before this one was written whole, so that the two cannot mix.
  if (socket.writable) socket.end(answerOf(errorOf(cause)));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function errorOf({ code, message }: NodeJS.ErrnoException): HttpError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new HttpError(431, expected(`headers of at most ${maxHeaderSize} bytes`, "the request", "longer ones"));
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new HttpError(408, expected("a whole request in time", "the connection", "a part of one"));
    default:
      return new HttpError(400, expected("HTTP/1.1", "the request", message.replace(/^Parse Error: /, "")));
  }
}

function answerOf(error: HttpError): string {
  const body = `${JSON.stringify(refusal(error))}\n`;
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
