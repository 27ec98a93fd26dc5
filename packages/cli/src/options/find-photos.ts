import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

export const IMAGE_EXTENSIONS = ["jpg", "jpeg", "png", "webp", "gif", "avif", "tif", "tiff"];

/**
 * The photos in a folder and its subfolders, sorted by code unit: the same order on every machine. Hidden files and folders are left out, and so is what
 * cannot be read. Links to folders are followed, but no folder is looked into twice.
 */
export async function findPhotos(folder: string): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  // Links wait until all real folders were seen: a photo that can be reached both ways has its own path, not one through a link.
  const links: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const place = await realpath(path).catch(() => undefined);
    if (place === undefined || seen.has(place)) return;
    seen.add(place);
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      if (entry.name.startsWith(".")) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await walk(inner);
      else if (entry.isFile() && isPhoto(entry.name)) found.push(inner);
      else if (entry.isSymbolicLink()) links.push(inner);
    }
  };
  await walk(folder);
  // Sorted, as the order in which a folder's entries come is not the same everywhere.
  while (links.length > 0) {
    for (const link of links.splice(0).sort()) {
      const status = await stat(link).catch(() => undefined);
      if (status?.isDirectory()) await walk(link);
      else if (status?.isFile() && isPhoto(link)) found.push(link);
    }
  }
  return found.sort();
}

function isPhoto(name: string): boolean {
  return IMAGE_EXTENSIONS.some((extension) => name.toLowerCase().endsWith(`.${extension}`));
}
