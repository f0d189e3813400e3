// Server-sent events out of text that arrives in pieces (WHATWG HTML, 9.2.6). The stream
// is read with fetch because EventSource cannot send an Authorization header.

/**
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
