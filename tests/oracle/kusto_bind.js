// Microsoft's own parser and binder of KQL, over standard input: what it says about each query.
//
// One line in: {"id": 1, "query": "AzureActivity | ...", "correlation": true?, "columns": {"Name": "string"}?}
// One line out: {"id": 1, "diagnostics": [{severity, code, message, start, length}], "columns": [{name, type}]}
//
// The tables are those of kusto_tables.json; "correlation" adds its correlated columns to AzureActivity, and
// "columns" replaces the columns altogether. Offsets count UTF-16 units. Nothing is executed, nothing is sent.
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const home = process.env.KUSTO_LANGUAGE || path.join(__dirname, "../../node_modules/@kusto/language-service-next");
require(path.join(home, "bridge.min.js"));
require(path.join(home, "Kusto.Language.Bridge.min.js"));

const Kusto = globalThis.Kusto.Language;
const Symbols = Kusto.Symbols;
const { tables, correlated } = JSON.parse(fs.readFileSync(path.join(__dirname, "kusto_tables.json"), "utf8"));

const itemsOf = (list) => {
  const count = list.Count !== undefined ? list.Count : list.length;
  return Array.from({ length: count }, (_, index) => (list.getItem ? list.getItem(index) : list[index]));
};

const SCALAR = Object.fromEntries(
  ["Bool", "Int", "Long", "Real", "Decimal", "String", "DateTime", "TimeSpan", "Dynamic", "Guid"].map((name) => [
    name.toLowerCase(),
    Symbols.ScalarTypes[name],
  ]),
);

function table(name, columns) {
  const symbols = Object.entries(columns).map(([column, type]) => {
    if (!SCALAR[type]) throw new Error(`no such type: ${type}`);
    return new Symbols.ColumnSymbol(column, SCALAR[type], null, null, null, null);
  });
  return new Symbols.TableSymbol.$ctor4(name, symbols, null);
}

// Globals are kept per set of columns: building them costs more than binding a query.
const known = new Map();
function globals(columns) {
  const key = columns ? JSON.stringify(columns) : "";
  if (!known.has(key)) {
    const wanted = columns ? { ...tables, AzureActivity: columns } : tables;
    const symbols = Object.entries(wanted).map(([name, types]) => table(name, types));
    const database = new Symbols.DatabaseSymbol.$ctor2("workspace", null, symbols, false);
    known.set(key, Kusto.GlobalState.Default.WithDatabase(database));
  }
  return known.get(key);
}

function bind(query, columns) {
  const code = Kusto.KustoCode.ParseAndAnalyze(query, globals(columns));
  const diagnostics = itemsOf(code.GetDiagnostics()).map((found) => ({
    severity: found.Severity,
    code: found.Code,
    message: found.Message,
    start: found.Start,
    length: found.Length,
  }));
  const result = code.ResultType;
  const names = result && result.Columns ? itemsOf(result.Columns) : [];
  return { diagnostics, columns: names.map((column) => ({ name: column.Name, type: column.Type.Name })) };
}

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  if (!line.trim()) return;
  const asked = JSON.parse(line);
  let answer;
  try {
    const columns = asked.correlation ? { ...tables.AzureActivity, ...correlated } : asked.columns;
    answer = bind(asked.query, columns);
  } catch (error) {
    answer = { diagnostics: [{ severity: "Error", code: "RUNNER", message: String(error), start: 0, length: 0 }], columns: [] };
  }
  process.stdout.write(JSON.stringify({ id: asked.id, ...answer }) + "\n");
});
