/**
 * What every backend has to pass: one text, run for each of them under vitest. The arithmetic is held to float64 goldens, everything else to laws the
 * contract states. A backend that passes captions and trains like all others, up to the tolerances.
 */
import { afterAll, beforeAll, describe } from "vitest";
import type { Backend } from "../decoder/backend.js";
import { describeGeneration } from "./conformance-generation.js";
import { describeGoldens } from "./conformance-goldens.js";
import { describeMisuse } from "./conformance-misuse.js";
import { describeTraining } from "./conformance-training.js";
import type { Tolerance } from "./expect-close.js";

export interface ConformanceTolerances {
  readonly logits: Tolerance;
  readonly attention: Tolerance;
  /** Loss sums and gradient norms. */
  readonly loss: Tolerance;
  /** `relative` is relative to each tensor's largest magnitude. */
  readonly gradients: Tolerance;
  /** Loss sums and gradient norms of ten training steps. */
  readonly training: Tolerance;
  /** Parameters and averages after ten training steps. */
  readonly parameters: Tolerance;
  /** The same arithmetic done twice, in another order or batch. */
  readonly repeat: Tolerance;
}

/** Those of float32 arithmetic, about ten times what the slowest and most exact backend shows. */
export const FLOAT32_TOLERANCES: ConformanceTolerances = {
  logits: { absolute: 5e-6, relative: 5e-6 },
  attention: { absolute: 2e-6 },
  loss: { relative: 5e-6, absolute: 5e-6 },
  gradients: { relative: 2e-5, absolute: 1e-7 },
  training: { relative: 5e-5, absolute: 5e-5 },
  parameters: { absolute: 5e-4 },
  repeat: { absolute: 5e-6, relative: 5e-6 },
};

/** How a conformance part gets at the backend: it is open from beforeAll to afterAll, so only inside test bodies. */
export interface ConformanceSubject {
  readonly backend: () => Backend;
  readonly tolerances: ConformanceTolerances;
}

/**
 * Registers the suite.
 * @param open called once; the backend is disposed at the end
 */
export function backendConformance(
  name: string,
  open: () => Promise<Backend>,
  tolerances: ConformanceTolerances = FLOAT32_TOLERANCES,
): void {
  describe(`${name} keeps the backend contract`, () => {
    let opened: Backend | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.dispose());
    const subject: ConformanceSubject = {
      backend: () => {
        if (!opened) throw new Error(`${name} is not open`);
        return opened;
      },
      tolerances,
    };
    describeGoldens(subject);
    describeGeneration(subject);
    describeTraining(subject);
    describeMisuse(subject);
  });
}
