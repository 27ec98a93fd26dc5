import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AbortedError, ImageError } from "../errors.js";
import { MAX_IMAGE_BYTES, readImageBytes } from "./image-input.js";

const BYTES = Buffer.from([1, 2, 3, 4, 5]);
let directory: string;
let server: Server;
let address: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-image-"));
  await writeFile(join(directory, "photo.jpg"), BYTES);
  server = createServer((request, response) => {
    if (request.url === "/photo") response.end(BYTES);
    else if (request.url === "/huge")
      response.writeHead(200, { "content-length": String(MAX_IMAGE_BYTES + 1) }).write(BYTES);
    else if (request.url === "/slow") response.write(BYTES);
    else response.writeHead(404).end("none");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

describe("readImageBytes", () => {
  it("reads paths, file URLs, http URLs, bytes and both kinds of stream alike", async () => {
    const path = join(directory, "photo.jpg");
    const inputs = [
      path,
      pathToFileURL(path),
      `${address}/photo`,
      new URL(`${address}/photo`),
      new Uint8Array(BYTES),
      Readable.from([BYTES.subarray(0, 2), BYTES.subarray(2)]),
      Readable.toWeb(Readable.from([BYTES])) as ReadableStream<Uint8Array>,
    ];
    for (const input of inputs) expect(Buffer.from((await readImageBytes(input)) as Uint8Array)).toEqual(BYTES);
  });

  it("passes raw pixels through", async () => {
    const raw = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 as const };
    expect(await readImageBytes(raw)).toBe(raw);
  });

  it.each([
    ["a missing file", () => join(directory, "none.jpg"), /none\.jpg but received "no such file"/],
    ["a folder", () => directory, /but received "a directory"/],
    ["an address that serves no image", () => `${address}/none`, /HTTP status 404/],
    ["a host that does not answer", () => "http://127.0.0.1:1/photo", /but received "/],
    ["an announced download over the limit", () => `${address}/huge`, /of at most 134217728 bytes/],
    ["another protocol", () => new URL("ftp://host/photo"), /http, https or file URL/],
    ["empty bytes", () => new Uint8Array(0), /an empty one/],
    ["a stream of text", () => Readable.from(["text"]), /a stream of bytes/],
  ])("refuses %s with one line and a hint", async (_, input, message) => {
    const error = await readImageBytes(input()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).message).toMatch(message);
    expect((error as ImageError).message).not.toContain("\n");
    expect((error as ImageError).hint).toBeTruthy();
  });

  it("stops reading a stream at the limit", async () => {
    let produced = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          produced += 1 << 20;
          yield Buffer.alloc(1 << 20);
        }
      })(),
    );
    await expect(readImageBytes(endless)).rejects.toThrow(/of at most/);
    expect(produced).toBeLessThan(MAX_IMAGE_BYTES + (32 << 20));
  });

  it("refuses a file over the limit without reading it", async () => {
    const path = join(directory, "huge.jpg");
    const file = await open(path, "w");
    await file.truncate(MAX_IMAGE_BYTES + 1);
    await file.close();
    await expect(readImageBytes(path)).rejects.toThrow(/of at most/);
  });

  it("stops a download when the signal is aborted", async () => {
    const controller = new AbortController();
    const reading = readImageBytes(`${address}/slow`, "slow", { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(reading).rejects.toBeInstanceOf(AbortedError);
  });
});
