export * from "./binding.js";
