export * from "./conformance.js";
export * from "./decoder-goldens.js";
export * from "./expect-close.js";
export * from "./search-equivalence.js";
export * from "./table-decoder.js";
export * from "./tiny-encoder.js";
