import { cpus, totalmem } from "node:os";
import {
  cudaProviderAbsence,
  type DatasetFault,
  type DatasetReport,
  diagnoseDataset,
  expected,
  OptionError,
  openBackend,
  openEncoder,
} from "@showtell/core";
import type { Command } from "commander";
import pc from "picocolors";
import { defaultCaptionerPath, summarizeCheckpoint } from "../compose/default-captioner.js";
import { findEncoder, installedEncoders } from "../compose/encoder-registry.js";
import { backendCandidates } from "../compose/open-decoder-backend.js";
import { EXIT } from "../exit-codes.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { type Progress, Terminal } from "../render/terminal.js";

interface DoctorFlags {
  readonly data?: string;
  readonly images?: string;
  readonly decode: boolean;
  readonly json?: boolean;
}

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check this machine, its backends, and a dataset")
    .option(
      "--data <path>",
      "look for faults in a dataset instead: splits, leaks, duplicates, unreadable images, empty captions",
    )
    .option("--images <folder>", "where the photos lie, if not where the dataset says")
    .option("--no-decode", "do not open every photo of the dataset")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExamples:\n  $ showtell doctor\n  $ showtell doctor --data flickr8k")
    .action(async (flags: DoctorFlags) => {
      if (flags.data !== undefined) await examineDataset(flags.data, flags);
      else if (flags.images !== undefined) {
        throw new OptionError(expected("--data beside it", "--images", flags.images));
      } else await examineMachine(flags.json ?? false);
    });
}

async function examineMachine(json: boolean): Promise<void> {
  const findings = [
    ...machine(),
    ...(await backends()),
    ...(await encoders()),
    await encoderDevice(),
    await captioner(),
  ];
  if (json) process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
  else for (const finding of findings) process.stdout.write(`${mark(finding.ok)} ${finding.name}: ${finding.detail}\n`);
  // One backend is enough; the ones that are missing are news, not faults.
  const usable = findings.some(({ name, ok }) => name.startsWith("backend") && ok);
  const whole = findings.every(({ name, ok }) => ok || name.startsWith("backend"));
  if (!usable || !whole) process.exitCode = EXIT.userError;
}

function machine(): Finding[] {
  const [first] = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`;
  return [
    { name: "node", ok: true, detail: `${process.versions.node} on ${process.platform} ${process.arch}` },
    { name: "processor", ok: true, detail: `${first?.model.trim() ?? "unknown"}, ${cpus().length} cores, ${memory}` },
  ];
}

async function backends(): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const candidate of await backendCandidates()) {
    const name = `backend ${candidate.name}`;
    try {
      const { backend } = await openBackend(candidate.name, [candidate]);
      const libraries = Object.entries(backend.device.libraries).map(([library, version]) => `${library} ${version}`);
      findings.push({ name, ok: true, detail: [backend.device.description, ...libraries].join(", ") });
      await backend.dispose();
    } catch (error) {
      const attempts = (error as { attempts?: readonly { reason: string }[] }).attempts;
      findings.push({ name, ok: false, detail: attempts?.map(({ reason }) => reason).join("; ") ?? String(error) });
    }
  }
  return findings;
}

async function encoders(): Promise<Finding[]> {
  return (await installedEncoders()).map(({ spec, origin, specPath }) => ({
    name: `encoder ${spec.name}`,
    ok: true,
    detail: `${origin}, ${specPath}`,
  }));
}

/** Where photos are encoded. The CUDA provider is tried where it is installed: whether it works shows only then. */
async function encoderDevice(): Promise<Finding> {
  const name = "encoder device";
  const absence = cudaProviderAbsence();
  try {
    const encoder = await openEncoder(await findEncoder());
    await encoder.dispose();
    const reason = encoder.cudaFailure ?? absence;
    const other = encoder.device === "cuda" || reason === undefined ? "" : `; no CUDA: ${reason}`;
    return { name, ok: true, detail: `${encoder.device}${other}` };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function captioner(): Promise<Finding> {
  try {
    return { name: "captioner", ok: true, detail: await summarizeCheckpoint(defaultCaptionerPath()) };
  } catch (error) {
    return { name: "captioner", ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function examineDataset(path: string, flags: DoctorFlags): Promise<void> {
  const terminal = new Terminal();
  let progress: Progress | undefined;
  const report = await diagnoseDataset(path, {
    decodeImages: flags.decode,
    signal: interruptSignal(terminal, "Stopping."),
    onProgress: (done, total) => {
      progress ??= terminal.progress("checking", total, "photos");
      progress.update(done);
    },
    ...(flags.images !== undefined && { images: flags.images }),
  });
  progress?.stop();
  process.stdout.write(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : describeReport(report));
  if (report.errorCount > 0) process.exitCode = EXIT.someFailed;
}

function describeReport({ dataset, faults, faultCounts, errorCount, warningCount }: DatasetReport): string {
  const lines = faults.map(describeFault);
  for (const [code, count] of Object.entries(faultCounts)) {
    const listed = faults.filter((fault) => fault.code === code).length;
    if (count > listed) lines.push(pc.dim(`… and ${count - listed} more of ${code}`));
  }
  if (dataset) {
    const splits = Object.entries(dataset.splits).map(
      ([split, { images, captions }]) => `${split} ${images} images, ${captions} captions`,
    );
    lines.push(`${dataset.name} (${dataset.format}): ${splits.join("; ")}`);
  }
  lines.push(`${errorCount} errors, ${warningCount} warnings`);
  return `${lines.join("\n")}\n`;
}

function describeFault({ severity, file, line, message, hint }: DatasetFault): string {
  const colour = severity === "error" ? pc.red : pc.yellow;
  return `${colour(severity)} ${file}${line === null ? "" : `:${line}`}: ${message} ${pc.dim(hint)}`;
}

function mark(ok: boolean): string {
  return ok ? pc.green("✓") : pc.yellow("–");
}
