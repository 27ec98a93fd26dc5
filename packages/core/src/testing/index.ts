export * from "./conformance.js";
export * from "./table-decoder.js";
