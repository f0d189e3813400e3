// CSV (RFC 4180). A cell that a spreadsheet would run as a formula gets a quote in front.

/** @param {any} value */
function cell(value) {
  let text = value == null ? '' : String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {any[]} values */
export const csvLine = values => values.map(cell).join(',');
