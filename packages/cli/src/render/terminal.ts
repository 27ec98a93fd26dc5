import { SingleBar } from "cli-progress";
import pc from "picocolors";

/** Everything for people goes through here, to stderr; stdout carries results only. */
export class Terminal {
  private readonly quiet: boolean;
  private bar: SingleBar | undefined;
  private block: LiveBlock | undefined;

  constructor(options: { readonly quiet?: boolean } = {}) {
    this.quiet = options.quiet ?? false;
  }

  /** News that a quiet run leaves out. */
  info(text: string): void {
    if (!this.quiet) this.write(text);
  }

  /** Something went wrong but the run goes on; printed in quiet runs too. */
  warn(text: string, hint?: string): void {
    this.write(`${pc.yellow("warning")} ${text}${hint === undefined ? "" : `\n${pc.dim("Hint:")} ${hint}`}`);
  }

  /**
   * A bar on a terminal; plain lines, at most one in ten seconds, elsewhere.
   * @param unit what is counted: `photos`, `steps`
   */
  progress(title: string, total: number, unit: string): Progress {
    if (this.quiet) return SILENT_PROGRESS;
    if (!process.stderr.isTTY) return new PlainProgress(title, total, unit, (text) => this.write(text));
    const bar = new SingleBar({
      format: `${title} {bar} {value}/{total} ${unit} {note}`,
      stream: process.stderr,
      hideCursor: true,
      barsize: 24,
      etaBuffer: 64,
    });
    bar.start(total, 0, { note: "" });
    this.bar = bar;
    return {
      update: (done, note = "") => bar.update(done, { note }),
      stop: () => {
        bar.stop();
        this.bar = undefined;
      },
    };
  }

  /** A block of lines that its owner draws anew now and then: messages take its place until it is drawn again. */
  makeWayFor(block: LiveBlock | undefined): void {
    this.block = block;
  }

  private write(text: string): void {
    this.block?.clear();
    // A message would be drawn into the bar: it takes the bar's line, and the bar comes back below at its next update.
    if (this.bar) process.stderr.write("\r\x1b[K");
    process.stderr.write(`${text}\n`);
  }
}

export interface LiveBlock {
  clear(): void;
}

export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

const SILENT_PROGRESS: Progress = { update: () => {}, stop: () => {} };
const PLAIN_INTERVAL_MS = 10_000;

class PlainProgress implements Progress {
  private lastPrinted = Date.now();
  /** A stage that is over before its first line was due stays silent. */
  private hasPrinted = false;
  private last: string | undefined;
  private readonly title: string;
  private readonly total: number;
  private readonly unit: string;
  private readonly write: (text: string) => void;

  constructor(title: string, total: number, unit: string, write: (text: string) => void) {
    this.title = title;
    this.total = total;
    this.unit = unit;
    this.write = write;
  }

  update(done: number, note = ""): void {
    this.last = `${this.title} ${done}/${this.total} ${this.unit} ${note}`.trimEnd();
    if (Date.now() - this.lastPrinted >= PLAIN_INTERVAL_MS) this.print();
  }

  stop(): void {
    if (this.hasPrinted) this.print();
  }

  private print(): void {
    if (this.last === undefined) return;
    this.write(this.last);
    this.last = undefined;
    this.hasPrinted = true;
    this.lastPrinted = Date.now();
  }
}
