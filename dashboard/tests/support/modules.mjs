// Which modules a module imports statically.
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../ui/', import.meta.url));

/** Paths below ui/, in the order in which they are met. @param {string} entry */
export function staticImports(entry, found = []) {
  const text = readFileSync(join(ROOT, entry), 'utf8');
  for (const [, name] of text.matchAll(/^(?:import|export)\s[^;]*?from\s*['"](\.[^'"]+)['"]/gm)) {
    const path = relative(ROOT, join(ROOT, dirname(entry), name));
    if (found.includes(path)) continue;
    found.push(path);
    staticImports(path, found);
  }
  return found;
}
