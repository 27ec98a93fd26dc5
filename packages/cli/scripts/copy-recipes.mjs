// The recipes live at the root of the repository; the published command carries a copy beside its code.
import { cpSync, rmSync } from "node:fs";

const target = new URL("../dist/recipes/", import.meta.url);
rmSync(target, { recursive: true, force: true });
cpSync(new URL("../../../recipes/", import.meta.url), target, { recursive: true });
