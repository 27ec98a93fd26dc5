import { it } from "vitest";
import { backendConformance } from "../../testing/conformance.js";
import { openTfjsBackend } from "./tfjs-backend.js";

const reason = await openTfjsBackend("tfjs-node").then(
  (backend) => backend.dispose(),
  (error: Error) => error.message,
);
if (reason === undefined) {
  backendConformance("tfjs on tfjs-node", () => openTfjsBackend("tfjs-node"));
} else {
  it.skip(`tfjs on tfjs-node: ${reason}`, () => {});
}
