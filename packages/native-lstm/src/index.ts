export * from "./binding.js";
export { type LoadAttempt, type LoadedBinding, loadBinding, NATIVE_PATH_VARIABLE } from "./load-binding.js";
export { type NativeBackendOptions, nativeCandidates, openNativeBackend } from "./native-backend.js";
export { type NativeBackendStatus, nativeBackendStatus } from "./native-status.js";
