// The same query for other tools.

/** @param {string} text */
const shell = text => `'${text.replaceAll("'", `'"'"'`)}'`;

/** @param {string} query */
export const curl = query => `curl -s ${location.origin}/api/v1/query -H 'Content-Type: application/json' -H 'Accept: text/csv' \\
  -d ${shell(JSON.stringify({ sql: query }))}`;

/** @param {string} query */
export const python = query => `import io, pandas, requests
answer = requests.post("${location.origin}/api/v1/query", json={"sql": ${JSON.stringify(query)}}, headers={"Accept": "text/csv"})
answer.raise_for_status()
frame = pandas.read_csv(io.StringIO(answer.text))`;

/** @param {string} query */
export const grafanaPanel = query => JSON.stringify({
  type: 'timeseries', datasource: { type: 'influxdb' },
  targets: [{ refId: 'A', rawQuery: true, rawSql: query, format: 'time_series' }],
}, null, 2);
