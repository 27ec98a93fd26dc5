import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Captioner, imageFormat } from "@showtell/core/captioning";
import { expected, ImageError } from "@showtell/core/errors";
import { captionRow } from "../render/caption-writers.js";
import { CaptionLanes } from "./caption-lanes.js";
import { HttpError, refusal, statusOf } from "./http-error.js";
import { LINGER_MS, refuseMalformed } from "./malformed-request.js";
import { queryOptions } from "./query-options.js";
import { checkHeaders, readBody } from "./read-body.js";

export interface CaptionServerOptions {
  readonly captioner: Captioner;
  /** Longest photo, in bytes of its file. */
  readonly maxBytes: number;
  /** Most requests that are taken and not answered yet; the next ones get 503. */
  readonly maxRequests: number;
  /** Faults of the server itself; the client only learns that there was one. */
  onFault(error: unknown): void;
}

/** Whole request; slower senders are cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long a request that is still coming when the server is stopped may take to be whole. */
const STOP_GRACE_MS = 5000;

const ROUTES: Readonly<Record<string, string>> = { "/caption": "POST", "/healthz": "GET" };

/** `POST /caption` with a photo's file as the body, `GET /healthz`. Answers are JSON. See docs/serving.md. */
export class CaptionServer {
  readonly http: Server;
  private readonly lanes: CaptionLanes;
  private readonly sockets = new Set<Socket>();
  /** Requests whose photo is there and whose captions are not. */
  private readonly beingCaptioned = new Set<IncomingMessage>();
  private requests = 0;
  private stopping = false;

  constructor(private readonly options: CaptionServerOptions) {
    this.lanes = new CaptionLanes(options.captioner);
    // A missing host gets our own words.
    this.http = createServer({ requireHostHeader: false }, (request, response) => {
      void this.answer(request, response, () => {});
    });
    // A client that asks first (curl does for more than 1 MB) sends nothing that would be refused.
    this.http.on(
      "checkContinue",
      (request, response) => void this.answer(request, response, () => response.writeContinue()),
    );
    this.http.on("checkExpectation", (request, response) =>
      this.refuse(request, response, unknownExpectation(request)),
    );
    this.http.on("clientError", refuseMalformed);
    this.http.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    this.http.requestTimeout = REQUEST_TIMEOUT_MS;
  }

  /** Takes no more requests, and resolves when those in hand are answered and those that do not become whole in time are cut off. */
  stop(): Promise<void> {
    this.stopping = true;
    return new Promise((resolve) => {
      // close() also ends Node's own checks for slow senders: from here on a connection ends only as we say.
      const deadline = setTimeout(() => this.cutOffUnfinished(), STOP_GRACE_MS);
      this.http.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      this.http.closeIdleConnections();
      // To Node a connection that has never said anything is not idle.
      for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    });
  }

  /** Every connection but those that wait for captions. */
  private cutOffUnfinished(): void {
    const waiting = new Set([...this.beingCaptioned].map(({ socket }) => socket));
    for (const socket of this.sockets) if (!waiting.has(socket)) socket.destroy();
  }

  private async answer(request: IncomingMessage, response: ServerResponse, goOn: () => void): Promise<void> {
    try {
      checkHost(request);
      const { pathname, searchParams } = parseTarget(request.url ?? "/");
      checkRoute(pathname, request.method);
      if (pathname === "/healthz") this.sayHealth(response);
      else this.send(response, 200, await this.caption(request, response, searchParams, goOn));
    } catch (error) {
      this.refuse(request, response, error);
    }
  }

  private async caption(
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
    goOn: () => void,
  ): Promise<unknown> {
    this.checkRoom();
    this.requests += 1;
    try {
      const options = queryOptions(query);
      checkHeaders(request, this.options.maxBytes);
      goOn();
      const photo = await readBody(request, this.options.maxBytes);
      checkFormat(photo);
      this.beingCaptioned.add(request);
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      const captions = await this.lanes.caption(photo, options, gone.signal);
      return captionRow("-", { captions });
    } finally {
      this.beingCaptioned.delete(request);
      this.requests -= 1;
    }
  }

  private checkRoom(): void {
    const headers = { "retry-after": "1" };
    if (this.stopping)
      throw new HttpError(503, expected("a running server", "the request", "one that is stopping"), { headers });
    const { maxRequests } = this.options;
    if (this.requests < maxRequests) return;
    throw new HttpError(503, expected(`at most ${maxRequests} requests at a time`, "the server", "one more"), {
      headers,
      hint: "Try again in a moment.",
    });
  }

  private sayHealth(response: ServerResponse): void {
    const { requests, stopping } = this;
    this.send(response, stopping ? 503 : 200, { status: stopping ? "stopping" : "ok", requests });
  }

  private send(
    response: ServerResponse,
    status: number,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      // A client that keeps its connection would keep the server from ending.
      ...(this.stopping && { connection: "close" }),
      ...headers,
    });
    response.end(text);
    // Nor may one that does not read its answer.
    if (this.stopping) response.setTimeout(STOP_GRACE_MS);
  }

  private refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed || response.headersSent) return;
    const status = statusOf(error);
    if (status === 500) this.options.onFault(error);
    const headers: Record<string, string> = error instanceof HttpError ? { ...error.headers } : {};
    if (!request.complete) {
      headers["connection"] = "close";
      request.resume();
      setTimeout(() => request.destroy(), LINGER_MS).unref();
    }
    this.send(
      response,
      status,
      status === 500 ? { error: "The server failed; its log says why." } : refusal(error),
      headers,
    );
  }
}

/** The path and the query, which HTTP also lets stand behind a whole address. @throws HttpError 400 */
function parseTarget(target: string): URL {
  try {
    return new URL(target.startsWith("/") ? `http://localhost${target}` : target, "http://localhost");
  } catch {
    throw new HttpError(400, expected("a path", "the request", target));
  }
}

/** @throws HttpError 400, as HTTP/1.1 asks of every server */
function checkHost({ httpVersion, headers }: IncomingMessage): void {
  if (httpVersion !== "1.1" || headers.host !== undefined) return;
  throw new HttpError(400, expected("a Host header", "the request", "none"));
}

function unknownExpectation({ headers }: IncomingMessage): HttpError {
  return new HttpError(417, expected("100-continue", "the Expect header", headers.expect));
}

function checkRoute(pathname: string, method: string | undefined): void {
  const allowed = ROUTES[pathname];
  if (allowed === undefined) {
    throw new HttpError(404, expected(`one of ${Object.keys(ROUTES).join(", ")}`, "the path", pathname));
  }
  if (method === allowed || (method === "HEAD" && allowed === "GET")) return;
  throw new HttpError(405, expected(allowed, `the method of ${pathname}`, method), { headers: { allow: allowed } });
}

/** What is no photo at all is told at once, by its first bytes. @throws HttpError 415 */
function checkFormat(photo: Uint8Array): void {
  try {
    imageFormat(photo, "the request's body");
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new HttpError(415, error.message, { hint: error.hint });
  }
}
