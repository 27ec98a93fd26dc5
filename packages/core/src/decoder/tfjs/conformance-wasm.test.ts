import { backendConformance } from "../../testing/conformance.js";
import { openTfjsBackend } from "./tfjs-backend.js";

backendConformance("tfjs on wasm", () => openTfjsBackend("wasm"));
