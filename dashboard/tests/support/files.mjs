// Serves ui/ as the binary does: routes of the page are index.html, missing code is 404,
// text is compressed, and the headers are those of src/headers.rs.
import { readFileSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../ui/', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const HEADERS = { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache' };
const DOCUMENT = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

function found(name) {
  const file = join(ROOT, normalize(name));
  if (!file.startsWith(ROOT) || !TYPES[extname(file)]) return null;
  try {
    return statSync(file).isFile() ? file : null;
  } catch {
    return null;
  }
}

/** @param {string} name  Below /ui/. */
export function serveFile(name, request, response) {
  const file = name === '' ? null : found(name);
  if (!file && ['.js', '.mjs', '.css'].includes(extname(name))) return response.writeHead(404).end();
  const path = file ?? join(ROOT, 'index.html'),
    type = TYPES[extname(path)];
  let body = readFileSync(path);
  const headers = { 'Content-Type': type, ...HEADERS, ...(type.startsWith('text/html') && DOCUMENT) };
  if (/gzip/.test(request.headers['accept-encoding'] ?? '')) {
    body = gzipSync(body, { level: 9 });
    headers['Content-Encoding'] = 'gzip';
  }
  response.writeHead(200, { ...headers, 'Content-Length': body.length }).end(body);
}
