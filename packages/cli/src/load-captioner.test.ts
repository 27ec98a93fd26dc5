import { OptionError } from "@showtell/core/errors";
import { describe, expect, it } from "vitest";
import { loadCaptioner } from "./load-captioner.js";

describe("loadCaptioner", () => {
  it.each<[string, unknown, string, string | undefined]>([
    ["no options", null, "Expected an object for options but received null.", undefined],
    ["a path alone", "folder", 'Expected an object for options but received "folder".', undefined],
    ["a misspelt name", { modle: "x" }, 'for option of loadCaptioner but received "modle".', "Did you mean model?"],
    [
      "an unknown name",
      { colour: 1 },
      'received "colour".',
      "Known names: model, backend, encoder, threads, generation.",
    ],
    ["a number for a model", { model: 5 }, "for model but received 5.", undefined],
    ["null for a model", { model: null }, "for model but received null.", undefined],
    ["no model at all", { model: [] }, "for model but received [].", "Leave model out"],
    ["a number among models", { model: ["a", 5] }, 'for model but received ["a",5].', undefined],
    ["an encoder that is none", { encoder: {} }, "a name or a path for encoder but received {}.", undefined],
    ["generation that is none", { generation: 5 }, "an object for generation but received 5.", undefined],
    ["a backend that is none", { backend: "gpu" }, 'for backend but received "gpu".', undefined],
    ["threads that are none", { threads: "two" }, 'for threads but received "two".', undefined],
  ])("refuses %s", async (_, options, message, hint) => {
    const error: unknown = await loadCaptioner(options as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OptionError);
    expect((error as OptionError).message).toContain(message);
    if (hint) expect((error as OptionError).hint).toContain(hint);
  });
});
