import type { View } from "@showtell/core/captioning";
import { expected, OptionError } from "@showtell/core/errors";

const VIEW_CHOICES = ["plain", "mirrored", "closer", "closer-mirrored"] as const satisfies readonly View[];

export const VOTE_HELP = `views of the photo that vote: ${VIEW_CHOICES.join(",")}, or all; better, and as many times the work`;

/** Parses a list of views; `all` are all there are. */
export function parseViews(text: string): View[] {
  if (text === "all") return [...VIEW_CHOICES];
  const views = text.split(",").map((name) => name.trim());
  const isView = (name: string): name is View => VIEW_CHOICES.some((view) => view === name);
  if (views.every(isView) && new Set(views).size === views.length) return views;
  throw new OptionError(expected(`some of ${VIEW_CHOICES.join(",")}, each once, or all`, "--views", text));
}
