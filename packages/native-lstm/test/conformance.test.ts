import { backendConformance } from "@showtell/core/testing";
import { describeNative } from "./require-native.js";

describeNative("conformance", ({ open }) => {
  backendConformance("native-cpu", open);
});
