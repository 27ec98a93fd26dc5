/** `pnpm bench serve`: requests a second and latency of `showtell serve`, asked over loopback by one to many clients at a time. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expected, OptionError } from "@showtell/core";
import { demoPhotos } from "@showtell/pretrained";
import { parseCommandLine, publishFigures, type ReportHead } from "./command-line.js";
import { parseCount, parseCounts } from "./parse-count.js";

const USAGE = `Usage: pnpm bench serve [options]
Starts \`showtell serve\` on a free port of this machine and posts the photos that ship, over connections that are kept.
  --clients LIST   requests at a time (default 1,8,32)
  --requests N     for each of them (default 100)
  --query TEXT     options of every request, for example beam-width=1
  --model DIR      checkpoint (default: the captioner that ships)
  --backend NAME   of the server (default auto)
  --json FILE      write everything measured
`;

const COMMAND = fileURLToPath(new URL("../../packages/cli/bin/showtell.mjs", import.meta.url));

interface Row {
  readonly clients: number;
  readonly seconds: number;
  /** Sorted, one for each request. */
  readonly latencies: readonly number[];
}

export async function run(argv: readonly string[]): Promise<void> {
  const values = parseCommandLine(argv, USAGE, {
    clients: { type: "string", default: "1,8,32" },
    requests: { type: "string", default: "100" },
    query: { type: "string", default: "" },
    model: { type: "string" },
    backend: { type: "string", default: "auto" },
  });
  if (values === undefined) return;
  const clientCounts = parseCounts("--clients", values.clients);
  const requests = parseCount("--requests", values.requests);
  const model = values.model === undefined ? [] : ["--model", values.model];
  const { child, url } = await startServer(["--backend", values.backend, ...model], Math.max(64, ...clientCounts));
  try {
    const photos = demoPhotos.map(({ path }) => readFileSync(path));
    const target = `${url}/caption?${values.query}`;
    // Warm-up: kernel selection, allocation, connections.
    await ask(target, photos, 4, 8);
    const rows: Row[] = [];
    for (const clients of clientCounts) {
      rows.push(await ask(target, photos, clients, requests));
      process.stderr.write(`${clients} at a time: ${(requests / rows.at(-1)!.seconds).toFixed(1)} requests/s\n`);
    }
    await publishFigures({ benchmark: "serve", argv, json: values.json }, { requests, rows }, render);
  } finally {
    child.kill("SIGTERM");
  }
}

/** @throws OptionError when the server ends before it listens */
async function startServer(flags: readonly string[], room: number): Promise<{ child: ChildProcess; url: string }> {
  const args = [COMMAND, "serve", "--port", "0", "--max-requests", `${room}`, ...flags];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let last = "";
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /Listening on (\S+)/.exec(line)?.[1];
    if (url !== undefined) return { child, url };
    last = line;
  }
  throw new OptionError(expected("a listening server", "showtell serve", last));
}

/** Posts the photos in turn, so many at a time, until `count` are answered. */
async function ask(url: string, photos: readonly Buffer[], clients: number, count: number): Promise<Row> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latencies: number[] = [];
  let next = 0;
  const started = performance.now();
  const client = async () => {
    while (next < count) {
      const photo = photos[next++ % photos.length]!;
      const sent = performance.now();
      await post(url, agent, photo);
      latencies.push((performance.now() - sent) / 1000);
    }
  };
  try {
    await Promise.all(Array.from({ length: clients }, client));
  } finally {
    agent.destroy();
  }
  const seconds = (performance.now() - started) / 1000;
  return { clients, seconds, latencies: latencies.sort((a, b) => a - b) };
}

function post(url: string, agent: Agent, photo: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "image/jpeg", "content-length": photo.length };
    const outgoing = request(url, { method: "POST", agent, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.once("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new OptionError(expected("status 200", "the server's answer", `${response.statusCode}: ${body}`)));
      });
    });
    outgoing.once("error", reject).end(photo);
  });
}

function render({ command, date, machine, requests, rows }: ReportHead & { requests: number; rows: Row[] }): string {
  const lines = [
    `# ${command}`,
    "",
    `${date}, ${machine}; ${requests} requests for each line`,
    "",
    "| at a time | requests/s | median latency | 95 % of them within | longest |",
    "|---|---|---|---|---|",
  ];
  for (const { clients, seconds, latencies } of rows) {
    const within = (share: number) => milliseconds(latencies[Math.ceil(share * latencies.length) - 1]!);
    const rate = (latencies.length / seconds).toFixed(1);
    lines.push(`| ${clients} | ${rate} | ${within(0.5)} | ${within(0.95)} | ${within(1)} |`);
  }
  return `${lines.join("\n")}\n`;
}

function milliseconds(seconds: number): string {
  return `${Math.round(1000 * seconds)} ms`;
}
