// Vega and Vega-Lite, loaded on first use. Their self-contained builds are read instead of their modules: these need
// top-level await (so they cannot be loaded inside the synchronous checkReport), take four times as long to load, and
// measure text by a native canvas where one happens to be installed, so that charts would differ between machines.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { fileURLToPath } from 'node:url';
import type * as VegaModule from 'vega';
import type * as InterpreterModule from 'vega-interpreter';
import type * as VegaLiteModule from 'vega-lite';
import { textWidth } from './text-width.ts';

export interface VegaLibraries {
  vega: typeof VegaModule;
  vegaLite: typeof VegaLiteModule;
  interpreter: typeof InterpreterModule.expressionInterpreter;
}

let loaded: VegaLibraries | undefined;

/** The libraries; some 100 ms on the first call. */
export function loadVega(): VegaLibraries {
  loaded ??= load();
  return loaded;
}

function load(): VegaLibraries {
  const require = createRequire(import.meta.url);
  const vega = loadBuild('vega', 'vega.min.js') as typeof VegaModule;
  const vegaLite = loadBuild('vega-lite', 'vega-lite.min.js', vega) as typeof VegaLiteModule;
  const { expressionInterpreter } = require('vega-interpreter') as typeof InterpreterModule;
  // Vega's own hook for hosts without a canvas; its default guess is a third too wide.
  const metrics = (vega as unknown as { textMetrics: { width: (item: TextItem, text: unknown) => number } })
    .textMetrics;
  metrics.width = (item, text) => textWidth(String(text), item.fontSize ?? 11, isBold(item.fontWeight));
  return { vega, vegaLite, interpreter: expressionInterpreter };
}

interface TextItem {
  fontSize?: number;
  fontWeight?: string | number;
}

function isBold(weight: string | number | undefined): boolean {
  return weight === 'bold' || Number(weight) >= 600;
}

function loadBuild(name: string, file: string, dependency?: unknown): unknown {
  const path = fileURLToPath(new URL(file, import.meta.resolve(name)));
  const module = { exports: {} };
  const run = compileFunction(readFileSync(path, 'utf8'), ['exports', 'module', 'require'], { filename: path });
  run(module.exports, module, () => dependency);
  return module.exports;
}
