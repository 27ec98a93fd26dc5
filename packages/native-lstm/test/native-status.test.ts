import { openBackend } from "@showtell/core";
import { expect, it } from "vitest";
import { nativeBackendStatus, nativeCandidates } from "../src/index.js";
import { describeNative } from "./require-native.js";

it("tells the state of the native backend whether or not it is there", async () => {
  const { devices, path, attempts } = await nativeBackendStatus();
  expect(path !== undefined || attempts.length > 0).toBe(true);
  for (const device of [devices.cpu, devices.cuda]) {
    expect("reason" in device ? device.reason : device.description).toMatch(/\w/);
  }
});

describeNative("the native backend in the registry", ({ path, addon }) => {
  it("is described by path, version and processor", async () => {
    const status = await nativeBackendStatus();
    expect(status).toMatchObject({ path, version: addon.version, devices: { cpu: { kind: "cpu" } } });
    expect(Object.keys((status.devices.cpu as { libraries: object }).libraries)).toContain("blas");
  });

  it("is taken by auto, with the reason why CUDA was not", async () => {
    const cudaIsMissing = "reason" in (await nativeBackendStatus()).devices.cuda;
    const { backend, attempts } = await openBackend("auto", nativeCandidates());
    expect(backend.name).toBe(cudaIsMissing ? "native-cpu" : "native-cuda");
    if (cudaIsMissing) expect(attempts[0]).toMatchObject({ name: "native-cuda", reason: expect.stringMatching(/\w/) });
    await backend.dispose();
  });
});
