// Requests to the HTTP interface. Every failure is an `ApiError` with a sentence for
// people; a 401 opens the sign-in.
import { authorization, requireSignIn } from './session.js';

export class ApiError extends Error {
  /** @param {number} status  0: no answer. @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** @param {Record<string, any>} parameters  What is null or '' is left out. */
export function path(base, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value != null && value !== '') query.set(key, value);
  const text = query.toString();
  return text ? `${base}?${text}` : base;
}
export const segment = encodeURIComponent;

/**
 * @param {string} url
 * @param {{method?: string, body?: any, accept?: string, signal?: AbortSignal}} [options]
 */
export async function request(url, { method = 'GET', body, accept = 'application/json', signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: accept, ...authorization() };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(url, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', redirect: 'error', credentials: 'omit',
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'Weir does not answer');
  }
  if (response.ok) return response;
  throw await failure(response);
}

/** @param {Response} response */
async function failure(response) {
  const text = await response.text();
  let problem = /** @type {any} */ ({});
  try { problem = JSON.parse(text); } catch { problem = { detail: text }; }
  if (response.status === 401) requireSignIn(problem.oidc);
  return new ApiError(response.status, problem.detail || problem.message || problem.title || response.statusText);
}

/** @param {string} url @param {AbortSignal} [signal] */
export const get = async (url, signal) => (await request(url, { signal })).json();
/** @param {string} url @param {any} [body] */
export const post = async (url, body) => (await request(url, { method: 'POST', body })).json();

/** Rows as objects, and what the query cost. @param {string} statement @param {AbortSignal} [signal] */
export async function sql(statement, signal) {
  const begin = performance.now();
  const response = await request('/api/v1/query', { method: 'POST', body: { sql: statement }, signal });
  const text = await response.text();
  /** @type {Record<string, any>[]} */
  const rows = JSON.parse(text);
  return { rows, columns: rows.length ? Object.keys(rows[0]) : [], ms: performance.now() - begin, bytes: text.length };
}

/** A string in SQL. @param {string} text */
export const literal = text => `'${String(text).replaceAll("'", "''")}'`;

/**
 * Server-sent events out of text that arrives in pieces (WHATWG HTML, 9.2.6). The stream is
 * read with fetch because EventSource cannot send an Authorization header.
 * @param {(event: {event: string, data: string, id: string|null}) => void} onEvent
 * @returns {(text: string) => void}  Takes the next piece.
 */
export function createParser(onEvent) {
  let rest = '', event = 'message', data = [], id = null;
  const line = text => {
    if (text === '') {
      if (data.length) onEvent({ event, data: data.join('\n'), id });
      event = 'message';
      data = [];
      id = null;
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  };
  return piece => {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop();
    lines.forEach(line);
  };
}
