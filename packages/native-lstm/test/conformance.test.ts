import type { Backend } from "@showtell/core";
import { backendConformance } from "@showtell/core/testing";
import { describeCuda, describeNative } from "./require-native.js";

describeNative("conformance", ({ open }) => {
  backendConformance("native-cpu", open);
});

describeCuda("conformance on a GPU", (open) => {
  backendConformance("native-cuda", open);
  backendConformance("native-cuda in exact precision", async () => inExactPrecision(await open()));
});

function inExactPrecision(backend: Backend): Backend {
  return {
    name: backend.name,
    device: backend.device,
    supports: (spec) => backend.supports(spec),
    createDecoder: (spec, parameters) => backend.createDecoder(spec, parameters, { precision: "exact" }),
    dispose: () => backend.dispose(),
  };
}
