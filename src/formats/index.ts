/**
 * From a payload's bytes to its rows, in every format that profiles name: what cuts JSON, NDJSON, CSV, TSV, XML, Parquet and XLSX, streamed where
 * the format allows it, with the byte range of each row. Any division of the bytes gives the same rows; damage costs what it damages; memory, depth
 * and sizes are bounded by caps. It knows no profile's rules: what becomes of a row is the normalizer's.
 */
export { type RowCaps, type RowPlace, type RowSink, type Splitter, defaultCaps } from './row-sink.ts';
export { NumberText, jsonRows, parseExact } from './json-rows.ts';
export { JsonSplitter } from './split-json.ts';
export { splitByQuery } from './select-document.ts';
export { streamingSteps } from './select-path.ts';
export { splitNdjson } from './split-ndjson.ts';
export { csvFields, splitCsv } from './split-csv.ts';
export { type CsvDialect, byteOrderMark, decoderOf, dialectOf, isDelimited, isTable } from './csv-dialect.ts';
export { Columns } from './columns.ts';
export { cellText, columnLetters, distinctNames } from './table-header.ts';
export { CellError } from './cell-error.ts';
export { defaultSelect, elementPath } from './select-element.ts';
export { XmlSplitter } from './split-xml.ts';
export { type XmlEncoding, declaredEncoding, sniffEncoding } from './xml-encoding.ts';
export { xmlParser, xmlRows } from './xml-rows.ts';
export { type WholeSink } from './whole-sink.ts';
export { type Source, createSpool, part } from './spool.ts';
export { formsOf, splitParquet } from './split-parquet.ts';
export { converter } from './parquet/convert.ts';
export { type SchemaNode } from './parquet/schema.ts';
export { openSheet, splitXlsx } from './split-xlsx.ts';
export { parseRange } from './xlsx/range.ts';
export { SheetDamage } from './xlsx/sheet-damage.ts';
export { type SheetRow } from './xlsx/sheet-rows.ts';
