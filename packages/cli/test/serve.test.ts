import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND, isUserError, PHOTOS, runCli } from "./run-cli.js";
import { type TinyModel, trainTinyModel } from "./tiny-model.js";

interface RunningServer {
  readonly url: string;
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

interface Answer {
  readonly captions: readonly { readonly text: string; readonly score: number }[];
  readonly error: string;
}

let model: TinyModel;
let server: RunningServer;
let photo: Buffer;

beforeAll(async () => {
  model = await trainTinyModel();
  server = await startServer();
  photo = await readFile(join(PHOTOS, "cat.jpg"));
});
afterAll(async () => {
  server.child.kill("SIGKILL");
  await model.remove();
});

/** The real command on a free port, once it says that it listens. */
function startServer(flags: readonly string[] = []): Promise<RunningServer> {
  const child = spawn(process.execPath, [COMMAND, "serve", "--port", "0", "--model", model.best, ...flags], {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return new Promise((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      const url = /Listening on (\S+)/.exec(stderr)?.[1];
      if (url) resolve({ url, child, stderr: () => stderr, ended });
    });
    void ended.then((code) => reject(new Error(`the server ended with ${code}: ${stderr}`)));
  });
}

async function post(body: Uint8Array, query = "", headers: Record<string, string> = {}, url = server.url) {
  const response = await fetch(`${url}/caption${query}`, { method: "POST", body, headers });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Answer };
}

describe("showtell serve", () => {
  it("gives the captions of the command, as JSON", async () => {
    const path = join(PHOTOS, "cat.jpg");
    const command = await runCli(["caption", path, "--n-best", "3", "--format", "json", "--model", model.best]);
    const [{ captions }] = JSON.parse(command.stdout);
    const { status, json, headers } = await post(photo, "?n-best=3", { "content-type": "image/jpeg" });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json");
    expect(json).toEqual({ image: "-", captions });
  });

  it("captions many photos at once, each with its own options, and gives every sender their own", async () => {
    const names = (await readdir(PHOTOS)).filter((name) => name.endsWith(".jpg"));
    const photos = await Promise.all(names.map((name) => readFile(join(PHOTOS, name))));
    const queries = ["", "?beam-width=1", "?beam-width=5&n-best=2", "?views=plain,mirrored", "?temperature=0.7&seed=3"];
    const requests = queries.flatMap((query) => photos.map((body) => ({ body, query })));
    const together = await Promise.all(requests.map(({ body, query }) => post(body, query)));
    for (const [index, { body, query }] of requests.entries()) {
      expect(together[index]!.status).toBe(200);
      // One in seven again, alone.
      if (index % 7 !== 3) continue;
      const alone = await post(body, query);
      expect(together[index]!.json.captions[0]!.text).toBe(alone.json.captions[0]!.text);
      expect(together[index]!.json.captions[0]!.score).toBeCloseTo(alone.json.captions[0]!.score, 4);
    }
  });

  it("says that it is well", async () => {
    const response = await fetch(`${server.url}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: "ok", requests: 0 }]);
    expect((await fetch(`${server.url}/healthz`, { method: "HEAD" })).status).toBe(200);
  });

  it.each<[string, () => [Uint8Array, string?, Record<string, string>?], number, RegExp]>([
    ["an empty body", () => [new Uint8Array()], 400, /an image for the request's body but received "an empty one"/],
    ["text", () => [Buffer.from("hello world")], 415, /for the request's body but received "a text file"/],
    ["a damaged photo", () => [photo.subarray(0, 3000)], 400, /an undamaged image for the photo but received/],
    ["a form", () => [photo, "", { "content-type": "multipart/form-data; boundary=x" }], 415, /multipart\/form-data/],
    ["an unknown option", () => [photo, "?beams=3"], 400, /one of .*beam-width.* for the query but received "beams"/],
    [
      "an impossible value",
      () => [photo, "?n-best=x"],
      400,
      /a whole number of at least 1 for --n-best but received "x"/,
    ],
    ["options at odds", () => [photo, "?n-best=3&beam-width=2"], 400, /Expected .* but received/],
    ["a search without end", () => [photo, "?beam-width=100000"], 400, /at most 100 for beamWidth/],
    ["a word that is none", () => [photo, "?prefix=xyzzyq"], 400, /Expected .* but received/],
    ["views that are none", () => [photo, "?views=upside-down"], 400, /for --views but received "upside-down"/],
  ])("refuses %s", async (_, make, status, message) => {
    const answer = await post(...make());
    expect(answer.json.error).toMatch(message);
    expect(answer.status).toBe(status);
    expect((await post(photo)).status).toBe(200);
  });

  it("refuses other paths and methods", async () => {
    const other = await fetch(`${server.url}/captions`, { method: "POST", body: photo });
    expect([other.status, ((await other.json()) as Answer).error]).toEqual([
      404,
      'Expected one of /caption, /healthz for the path but received "/captions".',
    ]);
    const get = await fetch(`${server.url}/caption`);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("goes on when a sender breaks off, before and after the photo is there", async () => {
    const { port } = new URL(server.url);
    const head = `POST /caption HTTP/1.1\r\nhost: x\r\ncontent-length: ${photo.length}\r\n\r\n`;
    for (const part of [photo.subarray(0, 100), photo]) {
      const socket = connect(Number(port), "127.0.0.1");
      socket.write(head);
      socket.write(part);
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
    }
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("no HTTP at all\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve).resume());
    expect((await post(photo)).status).toBe(200);
    const health = await (await fetch(`${server.url}/healthz`)).json();
    expect(health).toEqual({ status: "ok", requests: 0 });
  });

  it("refuses long photos before they are sent, and those whose length nobody told", async () => {
    const small = await startServer(["--max-bytes", "1000"]);
    try {
      const announced = await post(photo, "", {}, small.url);
      expect([announced.status, announced.json.error]).toEqual([
        413,
        `Expected at most 1000 bytes for the request's body but received ${photo.length}.`,
      ]);
      const { status, sent } = await postSlowly(
        small.url,
        { expect: "100-continue", "content-length": `${photo.length}` },
        photo,
      );
      expect([status, sent]).toEqual([413, 0]);
      expect((await postSlowly(small.url, { "transfer-encoding": "chunked" }, photo)).status).toBe(413);
    } finally {
      small.child.kill("SIGKILL");
    }
  });

  it("takes no more requests than it was told to", async () => {
    const narrow = await startServer(["--max-requests", "2"]);
    try {
      const answers = await Promise.all(Array.from({ length: 12 }, () => post(photo, "?views=all", {}, narrow.url)));
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(2);
      const refused = answers.find(({ status }) => status === 503)!;
      expect(refused.json.error).toMatch(/at most 2 requests at a time/);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect((await post(photo, "", {}, narrow.url)).status).toBe(200);
    } finally {
      narrow.child.kill("SIGKILL");
    }
  });

  it.each(["SIGTERM", "SIGINT"] as const)("answers what it has taken, then ends with 0 (%s)", async (signal) => {
    const ending = await startServer();
    const agent = new Agent({ keepAlive: true });
    const answers = Array.from({ length: 6 }, () => postKeptAlive(ending.url, agent));
    await expect
      .poll(async () => ((await (await fetch(`${ending.url}/healthz`)).json()) as { requests: number }).requests)
      .toBeGreaterThan(0);
    ending.child.kill(signal);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 6 }, () => 200));
    expect(await ending.ended).toBe(0);
    expect(ending.stderr()).toContain("Stopping after the requests in hand.");
    agent.destroy();
    await expect(fetch(`${ending.url}/healthz`)).rejects.toThrow();
  });

  it("is a user's error on a port that is taken, or an address that is none", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    try {
      const busy = await runCli(["serve", "--model", model.best, "--port", `${port}`]);
      expect(isUserError(busy)).toBe(true);
      expect(busy.stderr).toMatch(/a free port for --port but received/);
    } finally {
      taken.close();
    }
    expect(isUserError(await runCli(["serve", "--model", model.best, "--host", "203.0.113.1"]))).toBe(true);
    expect(isUserError(await runCli(["serve", "--port", "70000"]))).toBe(true);
    expect(isUserError(await runCli(["serve", "--model", "nowhere"]))).toBe(true);
  });
});

/** Status of a photo sent over a connection that the client would keep. */
function postKeptAlive(url: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/caption?views=all`, { method: "POST", agent }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode));
    });
    outgoing.once("error", reject).end(photo);
  });
}

/** Sends the body only when told to go on, where that was asked. */
function postSlowly(url: string, headers: Record<string, string>, body: Buffer) {
  return new Promise<{ status: number | undefined; sent: number }>((resolve, reject) => {
    let sent = 0;
    const outgoing = request(`${url}/caption`, { method: "POST", headers }, (response: IncomingMessage) => {
      response.resume().once("end", () => {
        resolve({ status: response.statusCode, sent });
        outgoing.destroy();
      });
    });
    const send = () => {
      sent += body.length;
      outgoing.end(body);
    };
    outgoing.once("error", reject);
    if (headers["expect"]) outgoing.once("continue", send).flushHeaders();
    else send();
  });
}
