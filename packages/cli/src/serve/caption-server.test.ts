import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Captioner, CaptionImagesOptions } from "@showtell/core/captioning";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CaptionServer } from "./caption-server.js";

/** The first bytes of a JPEG file: enough to be taken for a photo. */
const PHOTO = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0]);
const HEAD = `POST /caption HTTP/1.1\r\nhost: x\r\ncontent-length: ${PHOTO.length}\r\n\r\n`;

const sockets: Socket[] = [];
const faults: unknown[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  faults.splice(0);
});

/** Captions everything with "a photo", once what `begin` returns is there. */
function fakeCaptioner(begin: () => Promise<void> | undefined): Captioner {
  return {
    async *captionStream(inputs: AsyncIterable<Uint8Array>, _: CaptionImagesOptions) {
      for await (const input of inputs) {
        await begin();
        yield { input, captions: [{ text: "a photo", confidence: 1, score: 0, normalizedScore: 0 }] };
      }
    },
  } as unknown as Captioner;
}

async function startServer(begin: () => Promise<void> | undefined = () => undefined) {
  const server = new CaptionServer({
    captioner: fakeCaptioner(begin),
    maxBytes: 1000,
    maxRequests: 8,
    onFault: (fault) => faults.push(fault),
  });
  server.http.listen(0, "127.0.0.1");
  await once(server.http, "listening");
  return { server, port: (server.http.address() as AddressInfo).port };
}

/** A connection that has sent `parts`, and everything it gets until it is closed. */
async function send(port: number, ...parts: (string | Uint8Array)[]) {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  for (const part of parts) socket.write(part);
  return { socket, answer: closed.then(() => text) };
}

describe("stopping", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  it("cuts off who has sent nothing at once, and half a header or half a photo when its time is over", async () => {
    const { server, port } = await startServer();
    const silent = await send(port);
    const clients = [await send(port, "POST /caption HT"), await send(port, HEAD, PHOTO.subarray(0, 5))];
    await expect.poll(async () => (await healthOf(port)).requests).toBe(1);
    const stopped = server.stop();
    await silent.answer;
    vi.advanceTimersByTime(5000);
    await stopped;
    for (const { answer } of clients) expect(await answer).not.toContain("200 OK");
  });

  it("still takes a photo in that is whole in time, and waits for its captions as long as they take", async () => {
    let finish = () => {};
    const ready = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const begin = vi.fn(() => ready);
    const { server, port } = await startServer(begin);
    const unfinished = await send(port, "POST /caption HT");
    const late = await send(port, HEAD, PHOTO.subarray(0, 5));
    await expect.poll(async () => (await healthOf(port)).requests).toBe(1);
    const stopped = server.stop();
    late.socket.write(PHOTO.subarray(5));
    await expect.poll(() => begin.mock.calls.length).toBe(1);
    vi.advanceTimersByTime(5000);
    await unfinished.answer;
    finish();
    expect(await late.answer).toContain('"text":"a photo"');
    await stopped;
  });
});

async function healthOf(port: number): Promise<{ requests: number }> {
  return (await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()) as { requests: number };
}

describe("what cannot be answered", () => {
  it.each<[string, string, number, RegExp]>([
    ["two slashes for a path", "GET // HTTP/1.1\r\nhost: x", 404, /one of \/caption, \/healthz for the path/],
    ["another server's address", "GET //[bad/healthz HTTP/1.1\r\nhost: x", 404, /for the path/],
    ["a target that is no address", "GET http://[bad/ HTTP/1.1\r\nhost: x", 400, /a path for the request but received/],
    ["no host", "GET /healthz HTTP/1.1", 400, /a Host header for the request/],
    ["an unknown expectation", "POST /caption HTTP/1.1\r\nhost: x\r\nexpect: tea", 417, /100-continue .* "tea"/],
    ["no HTTP", "hello", 400, /HTTP\/1\.1 for the request but received "/],
    ["endless headers", `GET / HTTP/1.1\r\na: ${"b".repeat(20_000)}`, 431, /headers of at most 16384 bytes/],
  ])("is refused as JSON, and no fault of the server: %s", async (_, head, status, message) => {
    const { server, port } = await startServer();
    const { socket, answer } = await send(port, `${head}\r\nconnection: close\r\n\r\n`);
    socket.end();
    const [headers, body] = (await answer).split("\r\n\r\n") as [string, string];
    expect(headers).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(headers.toLowerCase()).toContain("content-type: application/json");
    expect((JSON.parse(body) as { error: string }).error).toMatch(message);
    expect(faults).toEqual([]);
    await server.stop();
  });
});
