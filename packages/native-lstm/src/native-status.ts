/** What `showtell doctor` says about the native backend. */
import type { NativeDevice, NativeDeviceInfo } from "./binding.js";
import { type LoadAttempt, loadBinding } from "./load-binding.js";

export interface NativeBackendStatus {
  /** Where the addon was loaded from; absent when none was. */
  readonly path?: string;
  readonly version?: string;
  /** Places that were no use, in the order tried, and why. */
  readonly attempts: readonly LoadAttempt[];
  /** Each device, or the reason why it cannot be used. */
  readonly devices: Readonly<Record<NativeDevice, NativeDeviceInfo | { readonly reason: string }>>;
}

/** Never rejects: everything that is missing is a reason in the result. */
export async function nativeBackendStatus(): Promise<NativeBackendStatus> {
  const { addon, path, attempts } = await loadBinding();
  if (addon === undefined) {
    const reason = "the native addon was not loaded";
    return { attempts, devices: { cpu: { reason }, cuda: { reason } } };
  }
  const ask = (device: NativeDevice) => {
    try {
      return addon.deviceInfo(device);
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    ...(path !== undefined && { path }),
    version: addon.version,
    attempts,
    devices: { cpu: ask("cpu"), cuda: ask("cuda") },
  };
}
