import { startInference, stopInference } from "@showtell/core/start-inference";
import { type Command, CommanderError, program } from "commander";
import { explainDiskError } from "./disk-errors.js";
import { EXIT } from "./exit-codes.js";
import { packageVersion } from "./package-version.js";
import { reportError } from "./report-error.js";

interface CommandEntry {
  readonly summary: string;
  /** Whether it will encode images, whatever its options say. */
  readonly encodes?: boolean;
  /** Loads the one file of the command: nothing of the others, and nothing heavy, is imported. */
  readonly register: (parent: Command) => Promise<void>;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  caption: {
    summary: "caption images, folders, globs, URLs or standard input",
    encodes: true,
    register: async (parent) => (await import("./commands/caption.js")).registerCaption(parent),
  },
  serve: {
    summary: "caption photos that are sent over HTTP",
    encodes: true,
    register: async (parent) => (await import("./commands/serve.js")).registerServe(parent),
  },
  demo: {
    summary: "caption the photos that ship with Showtell and write a page that shows them",
    encodes: true,
    register: async (parent) => (await import("./commands/demo.js")).registerDemo(parent),
  },
  train: {
    summary: "train a captioner on a dataset; stop and resume at will",
    register: async (parent) => (await import("./commands/train.js")).registerTrain(parent),
  },
  tune: {
    summary: "search for the best recipe: many short trainings, stopped and resumed at will",
    register: async (parent) => (await import("./commands/tune.js")).registerTune(parent),
  },
  leaderboard: {
    summary: "print the trials of a search, best first",
    register: async (parent) => (await import("./commands/leaderboard.js")).registerLeaderboard(parent),
  },
  evaluate: {
    summary: "caption a split of a dataset and score the captions",
    register: async (parent) => (await import("./commands/evaluate.js")).registerEvaluate(parent),
  },
  report: {
    summary: "write one HTML page about a run: curves, scores, captions, attention, comparison with other runs",
    register: async (parent) => (await import("./commands/report.js")).registerReport(parent),
  },
  score: {
    summary: "score caption files against references: BLEU, METEOR, CIDEr, ROUGE-L",
    register: async (parent) => (await import("./commands/score.js")).registerScore(parent),
  },
  encode: {
    summary: "compute the image features of a dataset once, into a feature store",
    register: async (parent) => (await import("./commands/encode.js")).registerEncode(parent),
  },
  encoder: {
    summary: "list image encoders, import another one",
    register: async (parent) => (await import("./commands/encoder.js")).registerEncoder(parent),
  },
  model: {
    summary: "look into a checkpoint, or export it",
    register: async (parent) => (await import("./commands/model.js")).registerModel(parent),
  },
  doctor: {
    summary: "check this machine, its backends, and a dataset",
    register: async (parent) => (await import("./commands/doctor.js")).registerDoctor(parent),
  },
};

/** Runs the command line and returns the exit code. Results go to stdout, everything else to stderr. */
export async function main(argv: readonly string[]): Promise<number> {
  let failure: unknown;
  process.stdout.on("error", (error) => {
    failure ??= error;
  });
  // What cannot be said here can be said nowhere.
  process.stderr.on("error", () => {});
  const code = await run(argv);
  await allWritten(process.stdout);
  // Whoever reads the results may stop early: `showtell caption holiday/ | head -1` is no fault. A command that waits for its writes has told of the failure itself.
  if (failure === undefined || isBrokenPipe(failure) || code === EXIT.userError) return code;
  return reportError(explainDiskError(failure, "standard output"));
}

async function run(argv: readonly string[]): Promise<number> {
  program
    .name("showtell")
    .description("Image captioning for Node: caption photos, train captioners, score captions.")
    .version(packageVersion())
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("Hint: --help lists what the command takes.")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "")) })
    .addHelpText(
      "after",
      [
        "",
        "Examples:",
        "  $ showtell caption photo.jpg",
        "  $ showtell caption holiday/ --format jsonl --output captions.jsonl",
        "  $ showtell train --data flickr8k --recipe flickr8k-attention --run runs/first",
        "",
        "Exit codes: 0 done; 1 a fault in Showtell; 2 wrong options or input; 3 done, but some photos failed; 130 interrupted.",
      ].join("\n"),
    );

  const [first, second] = argv.filter((argument) => !argument.startsWith("-"));
  const wanted = first === "help" ? second : first;
  // Half of what a first caption waits for: it goes on beside everything that follows here.
  if (COMMANDS[first ?? ""]?.encodes && !argv.some((argument) => argument === "--help" || argument === "-h"))
    startInference();
  for (const [name, { summary, register }] of Object.entries(COMMANDS)) {
    if (name === wanted) await register(program);
    else program.command(name).description(summary);
  }

  try {
    await program.parseAsync(argv as string[], { from: "user" });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    // Commander has printed its message already; code 0 is --help and --version.
    if (error instanceof CommanderError) {
      if (error.code === "commander.missingArgument" && argv.includes("--model")) {
        process.stderr.write("Hint: --model takes every word behind it; put what is to be captioned before it.\n");
      }
      return error.exitCode === 0 ? EXIT.done : EXIT.userError;
    }
    // The write that failed took the command down in order: ending the process here and now would crash in the encoder's thread.
    if (isBrokenPipe(error)) return EXIT.done;
    return reportError(error);
  } finally {
    await stopInference();
  }
}

async function allWritten(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise((resolve) => stream.write("", resolve));
  // A stream tells of its failure a little later than a write.
  await new Promise(setImmediate);
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
