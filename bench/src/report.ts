/** The table and the JSON of a benchmark run. */
import { writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { type Measurement, median } from "./comparison.js";
import { type Contender, PYTORCH } from "./contender.js";

export interface Report {
  readonly benchmark: string;
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly contenders: Readonly<Record<string, { description: string; versions: Readonly<Record<string, string>> }>>;
  readonly measurements: readonly Measurement[];
  /** What was compared besides speed: captions, losses. */
  readonly agreement: readonly string[];
}

export function machine(): string {
  const processors = cpus();
  return `${processors[0]?.model ?? "unknown processor"} x ${processors.length}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`;
}

export function makeReport(
  benchmark: string,
  argv: readonly string[],
  contenders: readonly Contender[],
  measurements: readonly Measurement[],
  agreement: readonly string[],
): Report {
  return {
    benchmark,
    command: ["pnpm bench", benchmark, ...argv].join(" "),
    date: new Date().toISOString(),
    machine: machine(),
    contenders: Object.fromEntries(contenders.map((c) => [c.definition.name, c.introduction])),
    measurements,
    agreement,
  };
}

/** A Markdown table: a row for each case, thread count and contender; the ratio is to the peer's best at the same number of threads. */
export function renderReport(report: Report): string {
  const lines = [`# ${report.command}`, "", `${report.date}, ${report.machine}`, ""];
  for (const [name, { description, versions }] of Object.entries(report.contenders)) {
    const list = Object.entries(versions).map(([library, version]) => `${library} ${version}`);
    lines.push(`* ${name}: ${description} (${list.join(", ")})`);
  }
  lines.push("", "| case | threads | contender | captions/s | range | against PyTorch |", "|---|---|---|---|---|---|");
  for (const one of report.measurements) {
    const best = bestPeer(report.measurements, one);
    const range = `${Math.min(...one.rates).toFixed(0)}-${Math.max(...one.rates).toFixed(0)}`;
    const ratio = best === undefined ? "" : `${(one.median / best).toFixed(2)} x`;
    lines.push(`| ${one.case} | ${one.threads} | ${one.contender} | ${one.median.toFixed(0)} | ${range} | ${ratio} |`);
  }
  lines.push("", ...report.agreement.map((line) => `* ${line}`), ...threadGains(report.measurements));
  return `${lines.join("\n")}\n`;
}

function bestPeer(all: readonly Measurement[], one: Measurement): number | undefined {
  const peers = all.filter((m) => m.case === one.case && m.threads === one.threads && m.contender.startsWith(PYTORCH));
  return peers.length === 0 ? undefined : Math.max(...peers.map((m) => m.median));
}

function threadGains(all: readonly Measurement[]): string[] {
  const gains = all.flatMap((two) => {
    const one = all.find((m) => m.threads === 1 && m.case === two.case && m.contender === two.contender);
    return two.threads === 2 && one !== undefined ? [{ contender: two.contender, gain: two.median / one.median }] : [];
  });
  return [...new Set(gains.map((g) => g.contender))].map((contender) => {
    const own = gains.filter((g) => g.contender === contender).map((g) => g.gain);
    return `* two threads against one, ${contender}: median ${median(own).toFixed(2)} x (${own.map((g) => g.toFixed(2)).join(", ")})`;
  });
}

export async function publish(report: Report, jsonPath: string | undefined): Promise<void> {
  process.stdout.write(renderReport(report));
  if (jsonPath !== undefined) await writeFile(jsonPath, `${JSON.stringify(report, null, 2)}\n`);
}
